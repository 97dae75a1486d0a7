//! Sessions: refresh, expiry, proof by the device, revocation.

use crate::support::person::{new_session, random};
use crate::support::{Person, World, call, on_every_backend};
use axum::http::StatusCode;
use securechat_proto::api::{Challenge, Code, DeviceSession, LoginFinished, SessionTokens};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::{ACCESS_TOKEN_TTL_S, DAY_MS, REFRESH_TOKEN_TTL_MS, SECOND_MS};
use securechat_server::platform::config::Storage;

#[tokio::test]
async fn a_refresh_rotates_and_a_second_holder_ends_the_session() {
    on_every_backend(async |world| {
        let mut ada = Person::signed_up(world, "ada").await;
        let (second, third) = (random(), random());
        let request = ada.refresh_request(&second);
        let thief = ada.refresh_request(&third);
        let tokens: SessionTokens = world
            .post("/v1/sessions/refresh", None, &request)
            .await
            .ok();
        let repeated: SessionTokens = world
            .post("/v1/sessions/refresh", None, &request)
            .await
            .ok();
        assert_eq!(tokens.session_id, repeated.session_id);
        ada.take(&tokens);
        ada.refresh_token = second;
        let mut unsigned = ada.refresh_request(&third);
        unsigned.signature.0[0] ^= 1;
        assert_eq!(
            world
                .post("/v1/sessions/refresh", None, &unsigned)
                .await
                .code(),
            Code::Unauthenticated
        );
        let next: SessionTokens = world
            .post("/v1/sessions/refresh", None, &ada.refresh_request(&third))
            .await
            .ok();
        ada.take(&next);
        assert_eq!(
            world.get("/v1/sessions", ada.token()).await.status,
            StatusCode::OK
        );
        // The first token again, with another successor: somebody else holds this session.
        assert_eq!(
            world
                .post("/v1/sessions/refresh", None, &thief)
                .await
                .code(),
            Code::SessionRevoked
        );
        assert_eq!(
            world.get("/v1/sessions", ada.token()).await.code(),
            Code::SessionRevoked
        );
    })
    .await;
}

#[tokio::test]
async fn an_unused_session_dies_after_ninety_days() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    world.clock.advance_ms(REFRESH_TOKEN_TTL_MS + DAY_MS);
    assert_eq!(refused_refresh(&world, &ada).await, Code::SessionRevoked);
    world.app.accounts.sweep().await.expect("a sweep");
    let again = ada
        .login(&world, "correct horse", true)
        .await
        .expect("the right password");
    assert_eq!(
        world.post("/v1/sessions", None, &again).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_revoked_device_needs_the_password_and_every_node_knows() {
    on_every_backend(async |world| {
        let mut ada = Person::signed_up(world, "ada").await;
        let node = world.second_node().await;
        let path = format!("/v1/sessions/{}", ada.session_id);
        world.delete(&path, ada.token()).await.done();
        assert_eq!(
            world.get("/v1/sessions", ada.token()).await.code(),
            Code::SessionRevoked
        );
        if world.config.storage != Storage::Memory {
            assert_eq!(
                call(&node, "GET", "/v1/sessions", ada.token(), None)
                    .await
                    .status,
                StatusCode::OK
            );
            node.accounts
                .learn_revocations()
                .await
                .expect("the sweep of at most 5 s");
            let answer = call(&node, "GET", "/v1/sessions", ada.token(), None).await;
            assert_eq!(answer.code(), Code::SessionRevoked);
        }
        assert_eq!(refused_refresh(world, &ada).await, Code::SessionRevoked);
        let by_device = device_session(world, &ada).await;
        assert_eq!(
            world
                .post("/v1/sessions/device", None, &by_device)
                .await
                .code(),
            Code::PasswordNeeded
        );
        let finish = ada
            .login(world, "correct horse", true)
            .await
            .expect("the right password");
        let finished: LoginFinished = world.post("/v1/sessions", None, &finish).await.ok();
        ada.take(&finished.tokens.expect("a session"));
        let by_device = device_session(world, &ada).await;
        let tokens: SessionTokens = world
            .post("/v1/sessions/device", None, &by_device)
            .await
            .ok();
        assert_eq!(tokens.account_id, ada.account_id);
    })
    .await;
}

/// The code with which a refresh is answered.
async fn refused_refresh(world: &World, person: &Person) -> Code {
    let request = person.refresh_request(&random());
    let answer = world.post("/v1/sessions/refresh", None, &request).await;
    answer.code()
}

async fn device_session(world: &World, person: &Person) -> DeviceSession {
    let challenge: Challenge = call(&world.app, "POST", "/v1/sessions/challenge", None, None)
        .await
        .ok();
    let device = person.device_login(&challenge.challenge.0);
    DeviceSession {
        account_id: person.account_id,
        challenge: challenge.challenge,
        device,
    }
}

#[tokio::test]
async fn a_challenge_is_signed_fresh_and_from_here() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let mut late = device_session(&world, &ada).await;
    world.clock.advance_ms(60 * SECOND_MS);
    assert_eq!(
        world.post("/v1/sessions/device", None, &late).await.code(),
        Code::Unauthenticated
    );
    late.challenge = Bytes(vec![1; 48]);
    assert_eq!(
        world.post("/v1/sessions/device", None, &late).await.code(),
        Code::Unauthenticated
    );
    let mut forged = device_session(&world, &ada).await;
    forged.device.signature.0[5] ^= 1;
    assert_eq!(
        world
            .post("/v1/sessions/device", None, &forged)
            .await
            .code(),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let eve = Person::signed_up(&world, "eve").await;
    let refused = world
        .delete(&format!("/v1/sessions/{}", ada.session_id), eve.token())
        .await;
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(
        world.get("/v1/sessions", ada.token()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_token_is_good_for_five_minutes() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    world.clock.advance_ms(ACCESS_TOKEN_TTL_S * SECOND_MS - 1);
    assert_eq!(
        world.get("/v1/sessions", ada.token()).await.status,
        StatusCode::OK
    );
    world.clock.advance_ms(1);
    assert_eq!(
        world.get("/v1/sessions", ada.token()).await.code(),
        Code::Unauthenticated
    );
}

#[tokio::test]
async fn a_session_id_in_use_is_refused() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let eve = Person::new("eve");
    let mut request = eve.sign_up_request(&world.app).await;
    request.session = new_session(eve.device.id, &eve.refresh_token);
    request.session.session_id = ada.session_id;
    assert_eq!(
        world.put(&eve.account_path(), None, &request).await.code(),
        Code::Conflict
    );
}
