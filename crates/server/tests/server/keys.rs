//! Account logs and prekeys.

use crate::support::{Device, Person, World, call, json, on_every_backend};
use axum::http::StatusCode;
use securechat_proto::account_log::{Entry, Operation};
use securechat_proto::api::{
    BundleState, BundleUpload, Code, LogAppend, LogEntries, PrekeyBundles, PrekeyClaim,
    SessionTokens,
};
use securechat_proto::b64::Bytes;
use securechat_proto::bundle::{SignedBundle, verify_path};
use securechat_proto::limits::{DAY_MS, LOG_ENTRIES_PER_DAY_MAX, ONE_TIME_PREKEYS};
use securechat_server::platform::config::{Config, Storage};
use securechat_server::platform::limits::Rates;
use securechat_server::platform::primitives::{Primitives, sha256};
use std::collections::BTreeSet;

async fn append(world: &World, person: &mut Person, entry: Vec<u8>) -> crate::support::Answer {
    let path = format!("/v1/log/{}", person.log.len());
    let answer = world
        .put(
            &path,
            person.token(),
            &LogAppend {
                entry: Bytes(entry.clone()),
            },
        )
        .await;
    if answer.status == StatusCode::NO_CONTENT {
        person.log.push(entry);
    }
    answer
}

async fn claim(world: &World, by: &Person, of: &Person) -> PrekeyBundles {
    let path = format!("{}/prekeys", of.account_path());
    world
        .post(&path, by.token(), &PrekeyClaim { devices: vec![] })
        .await
        .ok()
}

#[tokio::test]
async fn a_log_grows_by_compare_and_set() {
    on_every_backend(async |world| {
        let mut ada = Person::signed_up(world, "ada").await;
        let eve = Person::signed_up(world, "eve").await;
        let tablet = Device::new();
        let entry = ada.add_device(&tablet);
        let other = ada.add_device(&Device::new());
        append(world, &mut ada, entry.clone()).await.done();
        // The same again is fine, something else at its place is not, and neither is a gap.
        let body = |entry: &[u8]| LogAppend {
            entry: Bytes(entry.to_vec()),
        };
        world
            .put("/v1/log/1", ada.token(), &body(&entry))
            .await
            .done();
        assert_eq!(
            world
                .put("/v1/log/1", ada.token(), &body(&other))
                .await
                .code(),
            Code::Conflict
        );
        assert_eq!(
            world
                .put("/v1/log/3", ada.token(), &body(&other))
                .await
                .code(),
            Code::Conflict
        );
        // Built on the wrong head, broken, or another account's.
        assert_eq!(
            world
                .put("/v1/log/2", ada.token(), &body(&other))
                .await
                .code(),
            Code::Invalid
        );
        let mut broken = ada.announce_close();
        *broken.last_mut().expect("a byte") ^= 1;
        assert_eq!(
            world
                .put("/v1/log/2", ada.token(), &body(&broken))
                .await
                .code(),
            Code::Invalid
        );
        assert_eq!(
            world
                .put("/v1/log/1", eve.token(), &body(&entry))
                .await
                .code(),
            Code::Invalid
        );
        let fetched: LogEntries = world
            .get(&format!("{}/log?from=0", ada.account_path()), eve.token())
            .await
            .ok();
        let entries: Vec<Vec<u8>> = fetched.entries.into_iter().map(|entry| entry.0).collect();
        assert_eq!((entries, fetched.head_sequence), (ada.log.clone(), 1));
        let rest: LogEntries = world
            .get(&format!("{}/log?from=1", ada.account_path()), eve.token())
            .await
            .ok();
        assert_eq!(rest.entries.len(), 1);
        let none = world
            .get("/v1/accounts/AAAAAAAAAAAAAAAAAAAAAA/log", eve.token())
            .await;
        assert_eq!(none.code(), Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn racing_appends_of_one_sequence_have_one_winner() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let entries: Vec<LogAppend> = (0..4)
            .map(|_| LogAppend {
                entry: Bytes(ada.add_device(&Device::new())),
            })
            .collect();
        let answers = futures_util::future::join_all(
            entries
                .iter()
                .map(|entry| world.put("/v1/log/1", ada.token(), entry)),
        )
        .await;
        let won = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::NO_CONTENT)
            .count();
        assert_eq!(won, 1);
        assert!(
            answers
                .iter()
                .filter(|answer| !answer.status.is_success())
                .all(|a| a.code() == Code::Conflict)
        );
    })
    .await;
}

#[tokio::test]
async fn a_confirmation_before_its_term_is_refused_with_the_time_left() {
    let world = World::memory().await;
    let mut ada = Person::signed_up(&world, "ada").await;
    let announce = ada.announce_close();
    append(&world, &mut ada, announce.clone()).await.done();
    let hash = Entry::decode(&announce)
        .expect("an entry")
        .hash(&Primitives);
    let confirm = ada.next_entry(Operation::Confirm { announce: hash }, None);
    let early = append(&world, &mut ada, confirm.clone()).await;
    assert_eq!(early.code(), Code::Forbidden);
    assert_eq!(early.problem().retry_after_s, Some(7 * 24 * 3600));
    world.clock.advance_ms(7 * DAY_MS);
    let tokens = ada
        .login(&world, "correct horse", true)
        .await
        .expect("the right password");
    let finished: securechat_proto::api::LoginFinished =
        world.post("/v1/sessions", None, &tokens).await.ok();
    ada.take(&finished.tokens.expect("a session"));
    append(&world, &mut ada, confirm).await.done();
    // Closed: no device may sign any more.
    let refused = world
        .post("/v1/sessions/refresh", None, &ada.refresh_request(&[1; 32]))
        .await;
    assert!([Code::SessionRevoked, Code::DeviceNotLinked].contains(&refused.code()));
}

#[tokio::test]
async fn a_day_takes_twenty_entries_of_devices() {
    let world = World::memory().await;
    let mut ada = Person::signed_up(&world, "ada").await;
    // The Genesis counts; announce and cancel in turn.
    for _ in 0..(LOG_ENTRIES_PER_DAY_MAX - 1) {
        let newest = Entry::decode(ada.log.last().expect("a genesis")).expect("an entry");
        let next = match newest.body.operation {
            Operation::Announce(_) => {
                let announce = newest.hash(&Primitives);
                ada.next_entry(Operation::Cancel { announce }, None)
            }
            _ => ada.announce_close(),
        };
        append(&world, &mut ada, next).await.done();
    }
    let newest = Entry::decode(ada.log.last().expect("an entry")).expect("an entry");
    let cancel = ada.next_entry(
        Operation::Cancel {
            announce: newest.hash(&Primitives),
        },
        None,
    );
    assert_eq!(
        append(&world, &mut ada, cancel).await.code(),
        Code::RateLimited
    );
}

#[tokio::test]
async fn a_recovery_ends_the_sessions_and_keys_of_the_devices_before_it() {
    on_every_backend(async |world| {
        let mut ada = Person::signed_up(world, "ada").await;
        let eve = Person::signed_up(world, "eve").await;
        let laptop = Device::new();
        let entry = ada.recover(&laptop);
        append(world, &mut ada, entry).await.done();
        assert_eq!(
            world.get("/v1/sessions", ada.token()).await.code(),
            Code::SessionRevoked
        );
        assert!(
            claim(world, &eve, &ada).await.bundles.is_empty(),
            "the old device's prekeys are gone"
        );
        let refused = world
            .post("/v1/sessions/refresh", None, &ada.refresh_request(&[1; 32]))
            .await;
        assert_eq!(refused.code(), Code::SessionRevoked);
    })
    .await;
}

#[tokio::test]
async fn every_prekey_is_handed_out_once_and_proves_itself() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let eve = Person::signed_up(world, "eve").await;
        let mut seen = BTreeSet::new();
        for _ in 0..ONE_TIME_PREKEYS {
            let bundles = claim(world, &eve, &ada).await.bundles;
            let [bundle] = bundles.as_slice() else {
                panic!("one device")
            };
            let one_time = bundle.one_time.as_ref().expect("in stock");
            let signed = SignedBundle::decode(&bundle.bundle.0)
                .expect("a bundle")
                .bundle;
            let key: &[u8; 1216] = one_time
                .public_key
                .0
                .as_slice()
                .try_into()
                .expect("an X-Wing key");
            let path: Vec<[u8; 32]> = one_time
                .path
                .iter()
                .map(|h| h.0.as_slice().try_into().expect("32"))
                .collect();
            let root = &signed.one_time_root;
            assert!(verify_path(
                &Primitives,
                root,
                signed.one_time_count,
                one_time.index,
                key,
                &path
            ));
            assert!(
                seen.insert(one_time.public_key.0.clone()),
                "handed out twice"
            );
        }
        let bundles = claim(world, &eve, &ada).await.bundles;
        assert!(bundles[0].one_time.is_none(), "the last-resort key serves");
        let state: BundleState = world.get("/v1/bundle", ada.token()).await.ok();
        assert_eq!((state.number, state.one_time_left), (Some(1), 0));
    })
    .await;
}

#[tokio::test]
async fn racers_never_get_the_same_prekey() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let eve = Person::signed_up(world, "eve").await;
        let nodes = [world.second_node().await, world.second_node().await];
        let path = format!("{}/prekeys", ada.account_path());
        let body = json(&PrekeyClaim { devices: vec![] });
        let is_shared = world.config.storage != Storage::Memory;
        let claims = (0..60).map(|turn| {
            let app = if is_shared {
                &nodes[turn % 2]
            } else {
                &world.app
            };
            call(app, "POST", &path, eve.token(), Some(body.clone()))
        });
        let mut keys = Vec::new();
        for answer in futures_util::future::join_all(claims).await {
            let bundles: PrekeyBundles = answer.ok();
            keys.extend(
                bundles
                    .bundles
                    .into_iter()
                    .filter_map(|bundle| bundle.one_time)
                    .map(|key| key.public_key.0),
            );
        }
        let unique: BTreeSet<&Vec<u8>> = keys.iter().collect();
        assert_eq!(unique.len(), keys.len(), "one prekey went to two racers");
        assert_eq!(
            keys.len(),
            ONE_TIME_PREKEYS,
            "every prekey in stock was found"
        );
    })
    .await;
}

#[tokio::test]
async fn bundles_only_go_forward_and_a_repeat_is_fine() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let eve = Person::signed_up(world, "eve").await;
        let put = async |upload: &BundleUpload| world.put("/v1/bundle", ada.token(), upload).await;
        let second = ada.device.bundle(ada.fingerprint, 2, 2, 2);
        put(&second).await.done();
        put(&second).await.done();
        assert_eq!(
            put(&ada.device.bundle(ada.fingerprint, 2, 2, 2))
                .await
                .code(),
            Code::Conflict
        );
        assert_eq!(
            put(&ada.device.bundle(ada.fingerprint, 1, 1, 2))
                .await
                .code(),
            Code::Conflict
        );
        let state: BundleState = world.get("/v1/bundle", ada.token()).await.ok();
        assert_eq!(state.number, Some(2));
        assert_eq!(
            state.bundle_hash,
            Some(Bytes(sha256(&second.bundle.0).to_vec()))
        );
        assert_eq!(state.one_time_left as usize, ONE_TIME_PREKEYS + 2);
        // Stock of the first bundle is proved by that bundle, which comes along.
        let claimed = claim(world, &eve, &ada).await.bundles.remove(0);
        let one_time = claimed.one_time.expect("in stock");
        assert_eq!(
            (claimed.bundle, one_time.bundle_number),
            (second.bundle.clone(), 1)
        );
        let proof = SignedBundle::decode(&one_time.proved_by.expect("the older bundle").0)
            .expect("a bundle");
        assert_eq!(proof.bundle.number, 1);
        // A signature of somebody else, a root that does not fit, keys of the wrong size.
        let forged = eve.device.bundle(ada.fingerprint, 3, 3, 1);
        let mut wrong_root = ada.device.bundle(ada.fingerprint, 3, 3, 2);
        wrong_root.one_time_prekeys.swap(0, 1);
        let mut short = ada.device.bundle(ada.fingerprint, 3, 3, 2);
        short.one_time_prekeys[0].0.pop();
        let many = ada
            .device
            .bundle(ada.fingerprint, 3, 3, ONE_TIME_PREKEYS + 1);
        for bad in [forged, wrong_root, short, many] {
            assert_eq!(put(&bad).await.code(), Code::Invalid);
        }
    })
    .await;
}

#[tokio::test]
async fn a_prekey_uploaded_again_is_not_handed_out_again() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let eve = Person::signed_up(world, "eve").await;
        let keys: Vec<Box<[u8; 1216]>> = (0..3).map(|n| Box::new([n; 1216])).collect();
        let upload = |number| ada.device.bundle_of(ada.fingerprint, number, 1, &keys);
        while claim(world, &eve, &ada).await.bundles[0].one_time.is_some() {}
        world
            .put("/v1/bundle", ada.token(), &upload(2))
            .await
            .done();
        let first = claim(world, &eve, &ada)
            .await
            .bundles
            .remove(0)
            .one_time
            .expect("in stock")
            .public_key;
        // The same keys under a newer bundle: two are left, and they are proved by it.
        world
            .put("/v1/bundle", ada.token(), &upload(3))
            .await
            .done();
        // And under one that names them without bringing them.
        let mut named = upload(4);
        named.one_time_prekeys.clear();
        world.put("/v1/bundle", ada.token(), &named).await.done();
        let mut rest = Vec::new();
        while let Some(one_time) = claim(world, &eve, &ada).await.bundles.remove(0).one_time {
            assert_eq!((one_time.bundle_number, one_time.proved_by), (4, None));
            rest.push(one_time.public_key);
        }
        assert_eq!(rest.len(), 2);
        assert!(!rest.contains(&first));
    })
    .await;
}

#[tokio::test]
async fn over_budget_the_last_resort_key_serves() {
    let world = World::with(Config {
        rates: Rates::unlimited(),
        ..Config::default()
    })
    .await;
    let ada = Person::signed_up(&world, "ada").await;
    let eve = Person::signed_up(&world, "eve").await;
    world
        .put(
            "/v1/bundle",
            ada.token(),
            &ada.device.bundle(ada.fingerprint, 2, 1, 50),
        )
        .await
        .done();
    world
        .put(
            "/v1/bundle",
            ada.token(),
            &ada.device.bundle(ada.fingerprint, 3, 1, 50),
        )
        .await
        .done();
    let mut handed_out = 0;
    for _ in 0..120 {
        let bundles = claim(&world, &eve, &ada).await.bundles;
        assert_eq!(bundles.len(), 1, "never an error");
        handed_out += u32::from(bundles[0].one_time.is_some());
    }
    assert_eq!(
        handed_out, 100,
        "a day's budget of strangers against one target"
    );
}

#[tokio::test]
async fn claims_name_live_devices_of_known_accounts_only() {
    let world = World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    let path = format!("{}/prekeys", ada.account_path());
    let other = PrekeyClaim {
        devices: vec![Device::new().id],
    };
    let none: PrekeyBundles = world.post(&path, ada.token(), &other).await.ok();
    assert!(none.bundles.is_empty());
    let unknown = "/v1/accounts/AAAAAAAAAAAAAAAAAAAAAA/prekeys";
    assert_eq!(
        world
            .post(unknown, ada.token(), &PrekeyClaim { devices: vec![] })
            .await
            .code(),
        Code::NotFound
    );
    let many = PrekeyClaim {
        devices: vec![ada.device.id; 17],
    };
    assert_eq!(
        world.post(&path, ada.token(), &many).await.code(),
        Code::Invalid
    );
}

#[tokio::test]
async fn a_second_device_in_the_log_opens_a_session_and_publishes() {
    on_every_backend(async |world| {
        let mut ada = Person::signed_up(world, "ada").await;
        let tablet = Device::new();
        let entry = ada.add_device(&tablet);
        append(world, &mut ada, entry).await.done();
        let challenge: securechat_proto::api::Challenge =
            call(&world.app, "POST", "/v1/sessions/challenge", None, None)
                .await
                .ok();
        let first = std::mem::replace(&mut ada.device, tablet);
        let device = ada.device_login(&challenge.challenge.0);
        let request = securechat_proto::api::DeviceSession {
            account_id: ada.account_id,
            challenge: challenge.challenge,
            device,
        };
        let tokens: SessionTokens = world.post("/v1/sessions/device", None, &request).await.ok();
        let upload = ada.device.bundle(ada.fingerprint, 1, 1, 1);
        world
            .put("/v1/bundle", Some(&tokens.access_token), &upload)
            .await
            .done();
        let eve = Person::signed_up(world, "eve").await;
        assert_eq!(claim(world, &eve, &ada).await.bundles.len(), 2);
        // Its own bundle under the other device's session is refused.
        let wrong = first.bundle(ada.fingerprint, 2, 1, 1);
        assert_eq!(
            world
                .put("/v1/bundle", Some(&tokens.access_token), &wrong)
                .await
                .code(),
            Code::Invalid
        );
    })
    .await;
}
