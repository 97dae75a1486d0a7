//! `/v1/delivery-tokens`.

use super::mailbox_socket::Server;
use super::mailbox_world::hash;
use securechat_proto::api::{TokenKind, TokenList};
use securechat_server::mailbox::SUBMIT_RATE;

#[tokio::test]
async fn delivery_tokens_are_registered_listed_and_taken_away_by_rest() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(1).await;
    // Plain HTTP, but the client wants to know a provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let (jwt, _) = server.jwt(1);
    let base = format!("http://{}/v1/delivery-tokens", server.address);
    let one = format!("{base}/{}", hash(44));
    let body = r#"{"kind":"link","uses_max":3,"expires_at_ms":1900000000000}"#;
    let put = || {
        http.put(&one)
            .header("content-type", "application/json")
            .body(body)
    };
    assert_eq!(put().send().await.expect("answers").status(), 401);
    for _ in 0..2 {
        assert_eq!(
            put()
                .bearer_auth(&jwt)
                .send()
                .await
                .expect("answers")
                .status(),
            204
        );
    }
    let list = || async {
        let listed = http
            .get(&base)
            .bearer_auth(&jwt)
            .send()
            .await
            .expect("answers");
        listed.json::<TokenList>().await.expect("a list").tokens
    };
    let tokens = list().await;
    let link = tokens
        .iter()
        .find(|token| token.token_hash == hash(44))
        .expect("listed");
    assert_eq!(
        (link.kind, link.uses, link.uses_max),
        (TokenKind::Link, 0, Some(3))
    );
    for _ in 0..2 {
        assert_eq!(
            http.delete(&one)
                .bearer_auth(&jwt)
                .send()
                .await
                .expect("answers")
                .status(),
            204
        );
    }
    assert!(
        list()
            .await
            .iter()
            .all(|token| token.token_hash != hash(44))
    );
    for wrong in [
        format!("{base}/short"),
        format!("{base}/{}", "A".repeat(23)),
    ] {
        let refused = http
            .put(&wrong)
            .bearer_auth(&jwt)
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(refused.send().await.expect("answers").status(), 400);
    }
}
