//! Schemas go up, down and up again on both engines.

use crate::support::{Person, World, on_every_backend};
use axum::http::StatusCode;
use securechat_server::app::DIRECTORY;
use securechat_server::platform::db::{Error, Migration, RoomMigrations};

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
