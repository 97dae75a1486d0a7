//! A PostgreSQL that answers before it has written is refused at the start: acknowledged means on the disk.

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
