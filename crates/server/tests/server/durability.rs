//! Acknowledged means on the disk: SQLite waits for it, and a PostgreSQL that does not is refused at the start.

use crate::support::World;
use crate::support::postgres::{fresh_cluster, fresh_database};
use securechat_server::app::{BuildError, build};
use securechat_server::platform::config::{Config, Storage};
use securechat_server::platform::{Clock, Rng, Secrets};
use tokio_postgres::NoTls;

/// What building a relay over this database is refused for.
async fn refusal(url: String) -> String {
    let config = Config {
        storage: Storage::Postgres(url),
        ..Config::default()
    };
    let secrets = Secrets::new([7; 32], None);
    match build(config, Clock::system(), Rng::system(), secrets, None).await {
        Err(BuildError::Unsafe(settings)) => settings,
        Err(other) => panic!("another refusal: {other}"),
        Ok(_) => panic!("it starts"),
    }
}

#[tokio::test]
async fn a_cluster_that_does_not_wait_for_its_disk_is_refused() {
    for (settings, named) in [
        ("-c fsync=off", "fsync=off"),
        ("-c full_page_writes=off", "full_page_writes=off"),
        ("-c synchronous_commit=off", "synchronous_commit=off"),
    ] {
        let (_cluster, url) = fresh_cluster(settings).await;
        assert_eq!(refusal(url).await, named);
    }
}

#[tokio::test]
async fn a_database_that_does_not_wait_for_its_disk_is_refused() {
    let url = fresh_database().await;
    let (client, connection) = tokio_postgres::connect(&url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
        .batch_execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', \
             current_database()); END $$",
        )
        .await
        .expect("a setting");
    assert_eq!(refusal(url).await, "synchronous_commit=off");
}

/// The mailbox's own connection is asked in `mailbox::store::writer`, which alone can reach it.
#[tokio::test]
async fn the_directory_of_a_relay_on_files_waits_for_its_disk() {
    let world = World::files().await;
    let mut tx = world.app.platform.directory.begin().await.expect("a turn");
    let mut pragma = async |sql: &str| {
        tx.first(sql, vec![])
            .await
            .expect("a pragma")
            .expect("a row")
    };
    let journal_mode = pragma("PRAGMA journal_mode").await;
    assert_eq!(journal_mode.text(0).expect("text"), "wal");
    let synchronous = pragma("PRAGMA synchronous").await.int(0).expect("a number");
    assert!(synchronous >= 2, "synchronous={synchronous}");
}
