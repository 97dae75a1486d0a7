//! What a database and its secret live through: schemas up, down and up again on both engines, restarts, new secrets.

use crate::support::{Person, World, on_every_backend};
use axum::http::StatusCode;
use securechat_proto::api::LoginFinished;
use securechat_server::app::{DIRECTORY, build};
use securechat_server::platform::db::{Error, Migration, RoomMigrations};
use securechat_server::platform::{Rng, Secrets};

#[tokio::test]
async fn schemas_go_down_and_up_again() {
    on_every_backend(async |world| {
        let directory = &world.app.platform.directory;
        directory
            .migrate_up(DIRECTORY)
            .await
            .expect("up again changes nothing");
        directory.migrate_down(DIRECTORY).await.expect("down");
        assert!(
            directory
                .query("SELECT 1 FROM accounts_accounts", vec![])
                .await
                .is_err()
        );
        directory.migrate_up(DIRECTORY).await.expect("up");
        assert_eq!(
            directory
                .query("SELECT 1 FROM accounts_accounts", vec![])
                .await
                .expect("a table")
                .len(),
            0
        );
    })
    .await;
}

#[tokio::test]
async fn a_failing_step_leaves_nothing_behind() {
    const STEPS: &[Migration] = &[
        Migration {
            version: 1,
            up: "CREATE TABLE probe_one (id {int} NOT NULL) {strict}",
            down: "DROP TABLE probe_one",
        },
        Migration {
            version: 2,
            up: "CREATE TABLE probe_two (id {int}) {strict}; INSERT INTO absent VALUES (1)",
            down: "",
        },
    ];
    let broken = [RoomMigrations {
        room: "probe",
        steps: STEPS,
    }];
    on_every_backend(async |world| {
        let directory = &world.app.platform.directory;
        let failed = directory
            .migrate_up(&broken)
            .await
            .expect_err("step 2 is broken");
        assert!(matches!(failed, Error::Migration { version: 2, .. }));
        assert!(
            directory
                .query("SELECT 1 FROM probe_two", vec![])
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    const NEWER: &[Migration] = &[
        Migration {
            version: 1,
            up: "CREATE TABLE later (id {int}) {strict}",
            down: "DROP TABLE later",
        },
        Migration {
            version: 2,
            up: "CREATE TABLE later_two (id {int}) {strict}",
            down: "DROP TABLE later_two",
        },
    ];
    on_every_backend(async |world| {
        let directory = &world.app.platform.directory;
        directory
            .migrate_up(&[RoomMigrations {
                room: "later",
                steps: NEWER,
            }])
            .await
            .expect("up");
        let older = [RoomMigrations {
            room: "later",
            steps: &NEWER[..1],
        }];
        assert!(matches!(
            directory.migrate_up(&older).await,
            Err(Error::Migration { version: 2, .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let world = World::files().await;
    let ada = Person::signed_up(&world, "ada").await;
    let restarted = world.second_node().await;
    let answer =
        crate::support::call(&restarted, "GET", "/v1/handles/ada", ada.token(), None).await;
    assert_eq!(answer.status, StatusCode::OK);
}

/// The keys of log-in are sealed by SECRET_KEY, and sealed anew when it changes: the former one may then be taken away.
#[tokio::test]
async fn the_secret_can_be_changed_and_the_former_one_taken_away() {
    let mut world = World::files().await;
    let ada = Person::signed_up(&world, "ada").await;
    for secrets in [
        Secrets::new([8; 32], Some([7; 32])),
        Secrets::new([8; 32], None),
    ] {
        let (config, clock) = (world.config.clone(), world.clock.clone());
        world.app = build(config, clock, Rng::system(), secrets, None)
            .await
            .expect("a relay");
        let finish = ada.login(&world, "correct horse", true).await;
        let finish = finish.expect("the right password");
        let finished: LoginFinished = world.post("/v1/sessions", None, &finish).await.ok();
        assert_eq!(finished.account_id, ada.account_id);
    }
    let (config, clock) = (world.config.clone(), world.clock.clone());
    let former = Secrets::new([7; 32], None);
    assert!(
        build(config, clock, Rng::system(), former, None)
            .await
            .is_err(),
        "the former one opens nothing any more"
    );
}
