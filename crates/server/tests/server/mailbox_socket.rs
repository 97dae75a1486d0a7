//! `/ws` over real TCP: authentication, delivery, revocation, and hostile clients.

use super::mailbox_world::{START, account, address, device, fresh_id, pseudonyms};
use super::support::socket::Client;
use ed25519_dalek::{Signer, SigningKey};
use futures_util::SinkExt;
use futures_util::future::BoxFuture;
use securechat_proto::api::TokenKind;
use securechat_proto::signing::{self, Purpose};
use securechat_proto::wire::socket as wire;
use securechat_proto::wire::socket::server_frame::Frame;
use securechat_proto::{AccountId, DeviceId, Fingerprint, SessionId, close_code};
use securechat_server::mailbox::hub::Hub;
use securechat_server::mailbox::store::{MailboxStore, SqliteStore, Token};
use securechat_server::mailbox::submit::token_hash;
use securechat_server::mailbox::{
    Bounds, DeviceDirectory, DeviceKey, Mailbox, SUBMIT_RATE, router,
};
use securechat_server::platform::limits::Rate;
use securechat_server::platform::{Clock, Config, Platform, Rng, Secrets, db};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;

/// Device `n` signs with the key made of its number; accounts 1 to 9 have one device each.
struct Directory;

impl DeviceDirectory for Directory {
    fn dsk(
        &self,
        account_id: AccountId,
        device_id: DeviceId,
    ) -> BoxFuture<'_, Result<Option<DeviceKey>, db::Error>> {
        Box::pin(async move {
            let n = device_id.0[0];
            let is_known = n < 10 && account_id == account(n) && device_id == device(n);
            Ok(is_known.then(|| DeviceKey {
                fingerprint: Fingerprint([n; 32]),
                dsk: key(n).verifying_key().to_bytes(),
            }))
        })
    }
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub struct Server {
    pub platform: Platform,
    pub mailbox: Mailbox,
    pub address: std::net::SocketAddr,
}

impl Server {
    pub async fn start(rate: Rate) -> Self {
        let clock = Clock::manual(START);
        let directory = db::Directory::memory().expect("a directory");
        let platform = Platform::new(
            Config::default(),
            clock,
            Rng::system(),
            Secrets::new([7; 32], None),
            directory,
        );
        let hub = Arc::new(Hub::default());
        let store: Arc<dyn MailboxStore> = Arc::new(
            SqliteStore::memory(Bounds::default(), pseudonyms(), hub.clone()).expect("a store"),
        );
        let mailbox = Mailbox::over(platform.clone(), store, hub, Arc::new(Directory), rate);
        let (app, _) = router(mailbox.clone()).split_for_parts();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            platform,
            mailbox,
            address,
        }
    }

    pub async fn people(&self, n: u8) {
        for one in 1..=n {
            self.mailbox
                .register_device(address(one))
                .await
                .expect("registers");
            let token = Token {
                hash: token_hash(&[one; 16]),
                kind: TokenKind::Contact,
                uses_max: None,
                expires_at: None,
            };
            self.mailbox
                .store()
                .register_token(account(one), token)
                .await
                .expect("registers");
        }
    }

    pub fn jwt(&self, n: u8) -> (String, SessionId) {
        let session = SessionId(fresh_id());
        (
            self.platform.auth.mint(account(n), device(n), session).0,
            session,
        )
    }

    async fn dial(&self) -> (Client, wire::Hello) {
        Client::dial(&format!("ws://{}/ws", self.address)).await
    }

    /// An authenticated, drained socket of device `n`.
    async fn connect(&self, n: u8) -> (Client, SessionId) {
        let (mut client, hello) = self.dial().await;
        let (jwt, session) = self.jwt(n);
        client
            .send(wire::client_frame::Frame::Auth(auth(
                n,
                &jwt,
                session,
                &hello.nonce,
            )))
            .await;
        assert!(matches!(client.next().await, Ok(Frame::Ready(_))));
        (client, session)
    }
}

pub fn auth(n: u8, jwt: &str, session: SessionId, nonce: &[u8]) -> wire::Auth {
    let message = signing::message(
        Purpose::Auth,
        &Fingerprint([n; 32]),
        &device(n),
        &[nonce, session.as_bytes()],
    );
    wire::Auth {
        protocol: 1,
        jwt: jwt.into(),
        signature: key(n).sign(&message).to_bytes().to_vec(),
        cursor: vec![],
    }
}

fn submit(target: u8, ciphertext: &[u8]) -> wire::Submit {
    wire::Submit {
        submit_id: fresh_id().to_vec(),
        destinations: vec![wire::Destination {
            account_id: account(target).to_vec(),
            token: vec![target; 16],
            envelopes: vec![wire::Envelope {
                envelope_id: fresh_id().to_vec(),
                device_id: device(target).to_vec(),
                sealing_key_number: 1,
                ciphertext: ciphertext.to_vec(),
            }],
        }],
        counter: vec![1, 2, 3],
        counter_signature: vec![5; 64],
        ..wire::Submit::default()
    }
}

#[tokio::test]
async fn an_envelope_goes_from_one_socket_to_another_and_is_acked_away() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(2).await;
    let (mut alice, _) = server.connect(1).await;
    let (mut bob, _) = server.connect(2).await;
    assert!(matches!(bob.next().await, Ok(Frame::Drained(_))));
    alice
        .send(wire::client_frame::Frame::Submit(submit(2, b"sealed")))
        .await;
    let accepted = alice.accepted().await;
    assert_eq!(accepted.results[0].outcome(), wire::Outcome::Stored);
    let delivery = bob.delivery().await;
    assert_eq!(delivery.ciphertext, b"sealed");
    assert_eq!(delivery.accepted_at_ms, accepted.accepted_at_ms);
    bob.send(wire::client_frame::Frame::Ack(wire::Ack {
        cursor: delivery.cursor,
    }))
    .await;
    bob.send(wire::client_frame::Frame::Ping(wire::Ping { id: 77 }))
        .await;
    assert!(matches!(bob.next().await, Ok(Frame::Pong(pong)) if pong.id == 77));

    // Offline now; the next one waits, and the counter of the last submit is told at connect.
    drop(bob);
    alice
        .send(wire::client_frame::Frame::Submit(submit(2, b"later")))
        .await;
    alice.accepted().await;
    let (mut bob, _) = server.connect(2).await;
    assert_eq!(
        bob.delivery().await.ciphertext,
        b"later",
        "the acked one does not come again"
    );
    assert!(matches!(bob.next().await, Ok(Frame::Drained(_))));
    drop(alice);
    let (mut alice, hello) = server.dial().await;
    let (jwt, session) = server.jwt(1);
    alice
        .send(wire::client_frame::Frame::Auth(auth(
            1,
            &jwt,
            session,
            &hello.nonce,
        )))
        .await;
    match alice.next().await {
        Ok(Frame::Ready(ready)) => {
            assert_eq!(
                (ready.last_counter, ready.last_counter_signature),
                (vec![1, 2, 3], vec![5; 64])
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_captured_auth_frame_is_worthless_on_another_socket() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(1).await;
    let (mut first, hello) = server.dial().await;
    let (jwt, session) = server.jwt(1);
    let captured = auth(1, &jwt, session, &hello.nonce);
    first
        .send(wire::client_frame::Frame::Auth(captured.clone()))
        .await;
    assert!(matches!(first.next().await, Ok(Frame::Ready(_))));
    let (mut thief, other_hello) = server.dial().await;
    assert_ne!(hello.nonce, other_hello.nonce);
    thief.send(wire::client_frame::Frame::Auth(captured)).await;
    assert_eq!(thief.close_code().await, close_code::UNAUTHENTICATED);
}

#[tokio::test]
async fn tokens_and_signatures_that_do_not_fit_are_refused() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(2).await;
    let (jwt, session) = server.jwt(1);
    let removed = server.platform.auth.mint(account(1), device(99), session).0;
    for (jwt, signer, expected) in [
        ("no.token.here".to_owned(), 1, close_code::UNAUTHENTICATED),
        (jwt, 2, close_code::UNAUTHENTICATED),
        (removed, 1, close_code::REVOKED),
    ] {
        let (mut client, hello) = server.dial().await;
        let mut frame = auth(1, &jwt, session, &hello.nonce);
        if signer != 1 {
            frame.signature = auth(signer, &jwt, session, &hello.nonce).signature;
        }
        client.send(wire::client_frame::Frame::Auth(frame)).await;
        assert_eq!(client.close_code().await, expected);
    }
}

#[tokio::test]
async fn a_revoked_session_a_removed_device_and_a_newer_socket_close_the_old_one() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(3).await;
    let (mut revoked, session) = server.connect(1).await;
    server.platform.auth.revoked().add([session]);
    assert_eq!(revoked.close_code().await, close_code::REVOKED);

    let (mut removed, _) = server.connect(2).await;
    server
        .mailbox
        .remove_device(address(2))
        .await
        .expect("removes");
    assert_eq!(removed.close_code().await, close_code::REVOKED);

    let (mut older, _) = server.connect(3).await;
    let (mut newer, _) = server.connect(3).await;
    assert_eq!(older.close_code().await, close_code::SUPERSEDED);
    newer
        .send(wire::client_frame::Frame::Submit(submit(3, b"to myself")))
        .await;
    assert_eq!(
        newer.delivery().await.ciphertext,
        b"to myself",
        "the newer one is still registered"
    );
    server.mailbox.hub().close_all(close_code::RESTARTING);
    assert_eq!(newer.close_code().await, close_code::RESTARTING);
}

#[tokio::test]
async fn a_broken_frame_closes_and_what_was_accepted_stays() {
    let server = Server::start(SUBMIT_RATE).await;
    server.people(2).await;
    let (mut alice, _) = server.connect(1).await;
    alice
        .send(wire::client_frame::Frame::Submit(submit(2, b"good")))
        .await;
    alice.accepted().await;
    alice
        .socket
        .send(Message::binary(vec![0xFF, 0xFF, 0xFF]))
        .await
        .expect("sends");
    assert_eq!(alice.close_code().await, close_code::PROTOCOL);
    let (mut texter, _) = server.connect(1).await;
    texter
        .socket
        .send(Message::text("hello"))
        .await
        .expect("sends");
    assert_eq!(texter.close_code().await, close_code::PROTOCOL);
    let (mut bob, _) = server.connect(2).await;
    assert_eq!(bob.delivery().await.ciphertext, b"good");
}

#[tokio::test]
async fn a_backlog_larger_than_the_window_comes_whole_and_in_order() {
    let server = Server::start(Rate {
        burst: 10_000,
        period_s: 1,
    })
    .await;
    server.people(2).await;
    let (mut alice, _) = server.connect(1).await;
    let total = 600_u32;
    for n in 0..total {
        alice
            .send(wire::client_frame::Frame::Submit(submit(
                2,
                &n.to_be_bytes(),
            )))
            .await;
        alice.accepted().await;
    }
    let (mut bob, _) = server.connect(2).await;
    for n in 0..total {
        let delivery = bob.delivery().await;
        assert_eq!(delivery.ciphertext, n.to_be_bytes());
        if n % 100 == 99 {
            bob.send(wire::client_frame::Frame::Ack(wire::Ack {
                cursor: delivery.cursor,
            }))
            .await;
        }
    }
    assert!(matches!(bob.next().await, Ok(Frame::Drained(_))));
}

#[tokio::test]
async fn an_account_that_submits_too_fast_is_told_to_try_later() {
    let server = Server::start(Rate {
        burst: 2,
        period_s: 3600,
    })
    .await;
    server.people(2).await;
    let (mut alice, _) = server.connect(1).await;
    for expected in [
        wire::Outcome::Stored,
        wire::Outcome::Stored,
        wire::Outcome::TryLater,
    ] {
        let frame = submit(2, b"again");
        alice
            .send(wire::client_frame::Frame::Submit(frame.clone()))
            .await;
        let accepted = alice.accepted().await;
        assert_eq!(
            (accepted.results[0].outcome(), accepted.submit_id),
            (expected, frame.submit_id)
        );
    }
}
