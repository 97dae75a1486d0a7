//! Sign-up and log-in.

use crate::support::person::random;
use crate::support::{Person, World, call, call_router, json, on_every_backend};
use axum::http::StatusCode;
use securechat_proto::SessionId;
use securechat_proto::api::{
    Code, HandleInfo, LoginFinished, LoginStart, LoginStarted, SecurityEventKind, SecurityEvents,
    SessionList, SessionTokens,
};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::{LOGIN_STATE_TTL_S, SECOND_MS};
use securechat_server::platform::config::{Config, Storage};
use securechat_server::platform::limits::{Rate, Rates};

#[tokio::test]
async fn a_person_signs_up_and_a_repeat_answers_again() {
    on_every_backend(async |world| {
        let mut ada = Person::new("ada");
        let request = ada.sign_up_request(&world.app).await;
        let first: SessionTokens = world.put(&ada.account_path(), None, &request).await.ok();
        let second: SessionTokens = world.put(&ada.account_path(), None, &request).await.ok();
        assert_eq!(
            (first.account_id, first.session_id),
            (second.account_id, second.session_id)
        );
        ada.take(&second);
        let found: HandleInfo = world.get("/v1/handles/ada", ada.token()).await.ok();
        assert_eq!(
            found,
            HandleInfo {
                account_id: ada.account_id,
                fingerprint: ada.fingerprint
            }
        );
        let by_key: HandleInfo = world
            .get(&format!("/v1/identities/{}", ada.fingerprint), ada.token())
            .await
            .ok();
        assert_eq!(by_key, found);
        assert_eq!(
            world.get("/v1/handles/nobody", ada.token()).await.code(),
            Code::NotFound
        );
    })
    .await;
}

#[tokio::test]
async fn a_sign_up_that_does_not_fit_writes_nothing() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        // Another account with her handle, her account id, her identity.
        let mut bob = Person::new("bob");
        let mut taken = bob.sign_up_request(&world.app).await;
        taken.handle = "ada".into();
        assert_eq!(
            world.put(&bob.account_path(), None, &taken).await.code(),
            Code::HandleTaken
        );
        let fitting = bob.sign_up_request(&world.app).await;
        assert_eq!(
            world.put(&ada.account_path(), None, &fitting).await.code(),
            Code::Conflict
        );
        let mut stolen = fitting.clone();
        stolen.genesis = Bytes(ada.log[0].clone());
        assert_eq!(
            world.put(&bob.account_path(), None, &stolen).await.code(),
            Code::Conflict
        );
        // Parts that do not belong together.
        let mut foreign_bundle = fitting.clone();
        foreign_bundle.bundle = ada.device.bundle(ada.fingerprint, 1, 1, 1);
        let mut foreign_device = fitting.clone();
        foreign_device.session.device_id = ada.device.id;
        let mut broken_genesis = fitting.clone();
        broken_genesis.genesis.0[100] ^= 1;
        let mut bad_record = fitting.clone();
        bad_record.record.0.truncate(100);
        let mut weak = fitting.clone();
        weak.stretching.memory_kib = 8;
        let mut bad_handle = fitting.clone();
        bad_handle.handle = "Bob".into();
        let mut missing_key = fitting.clone();
        missing_key.bundle.one_time_prekeys.pop();
        for bad in [
            foreign_bundle,
            foreign_device,
            broken_genesis,
            bad_record,
            weak,
            bad_handle,
            missing_key,
        ] {
            assert_eq!(
                world.put(&bob.account_path(), None, &bad).await.code(),
                Code::Invalid
            );
        }
        assert_eq!(
            world.get("/v1/handles/bob", ada.token()).await.code(),
            Code::NotFound
        );
        let tokens: SessionTokens = world.put(&bob.account_path(), None, &fitting).await.ok();
        bob.take(&tokens);
        assert_eq!(
            world.get("/v1/sessions", bob.token()).await.status,
            StatusCode::OK
        );
    })
    .await;
}

#[tokio::test]
async fn two_people_race_for_one_handle_and_one_gets_it() {
    on_every_backend(async |world| {
        let people: Vec<Person> = (0..6).map(|_| Person::new("wanted")).collect();
        let mut requests = Vec::new();
        for person in &people {
            requests.push((
                json(&person.sign_up_request(&world.app).await),
                person.account_path(),
            ));
        }
        let is_shared = world.config.storage != Storage::Memory;
        let mut racers = Vec::new();
        for (request, path) in requests {
            let node = if is_shared {
                world.second_node().await.router
            } else {
                world.app.router.clone()
            };
            racers.push(tokio::spawn(async move {
                call_router(&node, "PUT", &path, None, Some(request)).await
            }));
        }
        let mut won = 0;
        for racer in racers {
            let answer = racer.await.expect("an answer");
            if answer.status.is_success() {
                won += 1;
            } else {
                assert_eq!(answer.code(), Code::HandleTaken);
            }
        }
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
async fn the_password_opens_a_session_and_a_wrong_one_does_not() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let finish = ada
            .login(world, "correct horse", true)
            .await
            .expect("the right password");
        let finished: LoginFinished = world.post("/v1/sessions", None, &finish).await.ok();
        assert_eq!(
            (finished.account_id, finished.fingerprint),
            (ada.account_id, ada.fingerprint)
        );
        let tokens = finished.tokens.expect("a session");
        // The same finish again is the same session.
        let again: LoginFinished = world.post("/v1/sessions", None, &finish).await.ok();
        assert_eq!(
            again.tokens.expect("a session").session_id,
            tokens.session_id
        );
        let list: SessionList = world
            .get("/v1/sessions", Some(&tokens.access_token))
            .await
            .ok();
        assert_eq!(list.sessions.len(), 1, "the device's earlier session ended");
        // Without a device the password tells who it is, and nothing else.
        let bare = ada
            .login(world, "correct horse", false)
            .await
            .expect("the right password");
        let finished: LoginFinished = world.post("/v1/sessions", None, &bare).await.ok();
        assert!(finished.tokens.is_none());
        // A wrong password fails on the device already; a made-up finish fails here.
        assert!(ada.login(world, "wrong", true).await.is_none());
        let mut forged = ada
            .login(world, "correct horse", true)
            .await
            .expect("the right password");
        forged.finish = Bytes(random::<64>().to_vec());
        assert_eq!(
            world.post("/v1/sessions", None, &forged).await.code(),
            Code::WrongCredentials
        );
        let events: SecurityEvents = world
            .get("/v1/security-events", Some(&tokens.access_token))
            .await
            .ok();
        let kinds: Vec<_> = events.events.iter().map(|event| event.kind).collect();
        for kind in [
            SecurityEventKind::SignedUp,
            SecurityEventKind::LoggedIn,
            SecurityEventKind::LoginFailed,
        ] {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_handle_answers_in_the_same_shape() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let nobody = Person::new("nobody");
    let mut shapes = Vec::new();
    for person in [&ada, &nobody] {
        assert!(person.login(&world, "guess", false).await.is_none());
        let request = LoginStart {
            handle: person.handle.clone(),
            request: Bytes(ke1()),
        };
        let started: LoginStarted = world.post("/v1/sessions/login", None, &request).await.ok();
        shapes.push((
            started.response.0.len(),
            started.login_state.0.len(),
            started.stretching,
        ));
    }
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(shapes[0].0, 320);
}

fn ke1() -> Vec<u8> {
    // The ristretto255 base point, a nonce, and the base point again as key share.
    let base = [
        0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51,
        0x5f, 0x58, 0xe3, 0x0b, 0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d,
        0x2d, 0x76,
    ];
    [base, random(), base].concat()
}

#[tokio::test]
async fn a_log_in_has_sixty_seconds_and_belongs_to_this_relay() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let late = ada
        .login(&world, "correct horse", true)
        .await
        .expect("the right password");
    world.clock.advance_ms(LOGIN_STATE_TTL_S * SECOND_MS);
    assert_eq!(
        world.post("/v1/sessions", None, &late).await.code(),
        Code::WrongCredentials
    );
    let mut foreign = ada
        .login(&world, "correct horse", true)
        .await
        .expect("the right password");
    foreign.login_state.0[40] ^= 1;
    assert_eq!(
        world.post("/v1/sessions", None, &foreign).await.code(),
        Code::WrongCredentials
    );
}

#[tokio::test]
async fn a_device_must_sign_for_its_session() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let eve = Person::signed_up(&world, "eve").await;
    let good = ada
        .login(&world, "correct horse", true)
        .await
        .expect("the right password");
    let mut by_another = good.clone();
    by_another.device = Some(eve.device_login(&good.login_state.0));
    assert_eq!(
        world.post("/v1/sessions", None, &by_another).await.code(),
        Code::DeviceNotLinked
    );
    let mut another_session = good.clone();
    if let Some(device) = &mut another_session.device {
        device.session.session_id = SessionId(random());
    }
    assert_eq!(
        world
            .post("/v1/sessions", None, &another_session)
            .await
            .code(),
        Code::Unauthenticated
    );
    assert_eq!(
        world.post("/v1/sessions", None, &good).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn guesses_at_a_password_have_to_wait() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let guess = async || {
        let request = LoginStart {
            handle: "ada".into(),
            request: Bytes(ke1()),
        };
        world.post("/v1/sessions/login", None, &request).await
    };
    for _ in 0..6 {
        assert_eq!(guess().await.status, StatusCode::OK);
    }
    let refused = guess().await;
    assert_eq!(refused.code(), Code::RateLimited);
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert_eq!(refused.problem().retry_after_s, Some(wait));
    world.clock.advance_ms(wait * SECOND_MS);
    let finish = ada
        .login(&world, "correct horse", true)
        .await
        .expect("after the wait");
    assert_eq!(
        world.post("/v1/sessions", None, &finish).await.status,
        StatusCode::OK
    );
    assert_eq!(
        guess().await.status,
        StatusCode::OK,
        "the right password ends the wait"
    );
}

#[tokio::test]
async fn requests_above_the_rate_are_refused_with_a_time() {
    let rates = Rates {
        logins_per_network: Rate {
            burst: 2,
            period_s: 60,
        },
        ..Rates::unlimited()
    };
    let world = World::with(Config {
        rates,
        ..Config::default()
    })
    .await;
    let ask = async || call(&world.app, "POST", "/v1/sessions/challenge", None, None).await;
    assert_eq!(ask().await.status, StatusCode::OK);
    assert_eq!(ask().await.status, StatusCode::OK);
    let refused = ask().await;
    assert_eq!(refused.code(), Code::RateLimited);
    assert!(refused.headers.contains_key("retry-after"));
    world.clock.advance_ms(31 * SECOND_MS);
    assert_eq!(ask().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_closed_server_takes_nobody_new() {
    let world = World::with(Config {
        sign_up_open: false,
        rates: Rates::unlimited(),
        ..Config::default()
    })
    .await;
    let open = World::memory().await;
    let ada = Person::new("ada");
    let request = ada.sign_up_request(&open.app).await;
    assert_eq!(
        world.put(&ada.account_path(), None, &request).await.code(),
        Code::SignUpClosed
    );
}
