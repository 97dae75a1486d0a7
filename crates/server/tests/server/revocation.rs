//! A session that was ended: its socket closes, wherever it is connected.

use crate::support::socket::Client;
use crate::support::{Person, World};
use securechat_proto::close_code;
use securechat_proto::signing::Purpose;
use securechat_proto::wire::socket as wire;
use securechat_proto::wire::socket::server_frame::Frame;
use securechat_server::app::App;
use securechat_server::platform::clock::instant;
use std::time::Duration;

/// An ended session is off everywhere within this time.
const OFF_WITHIN: Duration = Duration::from_secs(5);

/// Serves `app` with its housekeeping, as the binary does; the URL of its socket.
async fn serve(app: &App) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(app.housekeeping());
    let router = app.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("ws://{address}/ws")
}

/// A socket on which the person's only device has proved itself; what was answered.
async fn connect(url: &str, person: &Person) -> (Client, Result<Frame, u16>) {
    let (mut client, hello) = Client::dial(url).await;
    let fields: [&[u8]; 2] = [&hello.nonce, person.session_id.as_bytes()];
    let signature = person
        .device
        .sign(Purpose::Auth, &person.fingerprint, &fields);
    let auth = wire::Auth {
        protocol: 1,
        jwt: person.access_token.clone(),
        signature,
        cursor: vec![],
    };
    client.send(wire::client_frame::Frame::Auth(auth)).await;
    let answer = client.next().await;
    (client, answer)
}

#[tokio::test]
async fn a_session_ended_over_rest_loses_its_sockets_on_every_node_within_five_seconds() {
    let world = World::postgres().await;
    let other_node = world.second_node().await;
    let urls = [serve(&world.app).await, serve(&other_node).await];
    for (number, url) in urls.iter().enumerate() {
        let person = Person::signed_up(&world, &format!("ada{number}")).await;
        let (mut socket, answer) = connect(url, &person).await;
        assert!(matches!(answer, Ok(Frame::Ready(_))));
        let path = format!("/v1/sessions/{}", person.session_id);
        let start = instant();
        world.delete(&path, person.token()).await.done();
        assert_eq!(socket.close_code().await, close_code::REVOKED);
        assert!(start.elapsed() < OFF_WITHIN, "node {number}");

        // The token it still has in hand opens nothing any more.
        let (_, answer) = connect(url, &person).await;
        assert_eq!(answer, Err(close_code::REVOKED));
    }
}
