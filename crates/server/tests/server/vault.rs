//! Encrypted account records.

use crate::support::{Person, on_every_backend};
use axum::http::StatusCode;
use securechat_proto::api::{Code, VaultList, VaultRecord, VaultWrite};
use securechat_proto::b64::Bytes;
use securechat_proto::limits::{VAULT_RECORD_BYTES_MAX, VAULT_RECORDS_MAX};

fn write(version: u64, body: &[u8]) -> VaultWrite {
    VaultWrite {
        version,
        body: Bytes(body.to_vec()),
    }
}

#[tokio::test]
async fn a_record_is_written_on_top_of_the_version_that_was_read() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let path = "/v1/vault/settings";
        assert_eq!(world.get(path, ada.token()).await.code(), Code::NotFound);
        assert_eq!(
            world.put(path, ada.token(), &write(2, b"x")).await.code(),
            Code::Conflict
        );
        world.put(path, ada.token(), &write(1, b"one")).await.done();
        world.put(path, ada.token(), &write(1, b"one")).await.done();
        assert_eq!(
            world
                .put(path, ada.token(), &write(1, b"other"))
                .await
                .code(),
            Code::Conflict
        );
        world.put(path, ada.token(), &write(2, b"two")).await.done();
        assert_eq!(
            world
                .put(path, ada.token(), &write(2, b"late"))
                .await
                .code(),
            Code::Conflict
        );
        let record: VaultRecord = world.get(path, ada.token()).await.ok();
        assert_eq!((record.version, record.body.0), (2, b"two".to_vec()));
        let list: VaultList = world.get("/v1/vault", ada.token()).await.ok();
        assert_eq!(list.records.len(), 1);
        assert_eq!(
            (list.records[0].version, list.records[0].size_bytes),
            (2, 3)
        );
        let eve = Person::signed_up(world, "eve").await;
        assert_eq!(world.get(path, eve.token()).await.code(), Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn two_writers_of_one_version_do_not_both_win() {
    on_every_backend(async |world| {
        let ada = Person::signed_up(world, "ada").await;
        let (first, second) = (write(1, b"first"), write(1, b"second"));
        let (one, other) = tokio::join!(
            world.put("/v1/vault/contacts", ada.token(), &first),
            world.put("/v1/vault/contacts", ada.token(), &second),
        );
        let won = [&one, &other]
            .iter()
            .filter(|answer| answer.status == StatusCode::NO_CONTENT)
            .count();
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
async fn names_sizes_and_numbers_are_bounded() {
    let world = crate::support::World::memory().await;
    let ada = Person::signed_up(&world, "ada").await;
    for name in ["A", "a%20b", &"a".repeat(65), "%2e%2e%2fa"] {
        let answer = world
            .put(&format!("/v1/vault/{name}"), ada.token(), &write(1, b"x"))
            .await;
        assert_eq!(answer.code(), Code::Invalid, "{name}");
    }
    let large = write(1, &vec![0; VAULT_RECORD_BYTES_MAX + 1]);
    assert_eq!(
        world
            .put("/v1/vault/large", ada.token(), &large)
            .await
            .code(),
        Code::TooLarge
    );
    for number in 0..VAULT_RECORDS_MAX {
        world
            .put(
                &format!("/v1/vault/record-{number}"),
                ada.token(),
                &write(1, b"x"),
            )
            .await
            .done();
    }
    assert_eq!(
        world
            .put("/v1/vault/more", ada.token(), &write(1, b"x"))
            .await
            .code(),
        Code::QuotaExceeded
    );
}
