//! PostgreSQL: a pool of connections with prepared statements kept.

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

use super::migrate::{self, RoomMigrations, for_postgres};
use super::{Error, Result, Row, Value};

const CONNECTIONS_MAX: usize = 16;
const WAIT: Duration = Duration::from_secs(10);
/// Two nodes that start at once migrate one after the other.
const MIGRATION_LOCK: i64 = 0x5345_4355_5245;

#[derive(Clone)]
pub struct Database {
    pool: Pool,
}

impl Database {
    pub fn new(url: &str) -> Result<Self> {
        let config: tokio_postgres::Config = url
            .parse()
            .map_err(|_| Error::Statement("DATABASE_URL".into()))?;
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(CONNECTIONS_MAX)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .build()
            .map_err(|_| Error::Unavailable)?;
        Ok(Self { pool })
    }

    async fn connection(&self) -> Result<Object> {
        self.pool.get().await.map_err(|_| Error::Unavailable)
    }

    pub(super) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        query(&self.connection().await?, sql, &params).await
    }

    pub(super) async fn begin(&self) -> Result<Tx> {
        let connection = self.connection().await?;
        connection.batch_execute("BEGIN").await.map_err(refused)?;
        Ok(Tx {
            connection: Some(connection),
        })
    }

    pub(super) async fn migrate_up(&self, rooms: &[RoomMigrations]) -> Result<()> {
        migrate_up(&*self.connection().await?, rooms).await
    }

    pub(super) async fn migrate_down(&self, rooms: &[RoomMigrations]) -> Result<()> {
        migrate_down(&*self.connection().await?, rooms).await
    }

    /// Why [`migrate_up`] would refuse the database, room by room. Writes nothing.
    pub async fn refusals(&self, rooms: &[RoomMigrations]) -> Result<Vec<Error>> {
        let client = self.connection().await?;
        let made = client
            .query_one("SELECT to_regclass('platform_migrations') IS NOT NULL", &[])
            .await
            .map_err(refused)?;
        let mut refusals = Vec::new();
        if made.get(0) {
            for room in rooms {
                let found = version(&client, room).await;
                refusals.extend(found.and_then(|it| migrate::check_known(room, it)).err());
            }
        }
        Ok(refusals)
    }

    /// Settings under which a commit would not be on the disk when it is answered; empty when all is well.
    pub async fn unsafe_settings(&self) -> Result<Vec<String>> {
        let rows = self
            .query(
                "SELECT name, setting FROM pg_settings \
                 WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off' ORDER BY name",
                vec![],
            )
            .await?;
        rows.iter()
            .map(|row| Ok(format!("{}={}", row.text(0)?, row.text(1)?)))
            .collect()
    }
}

pub struct Tx {
    connection: Option<Object>,
}

impl Tx {
    fn connection(&self) -> Result<&Object> {
        self.connection.as_ref().ok_or(Error::Unavailable)
    }

    pub(super) async fn query(&mut self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        query(self.connection()?, sql, &params).await
    }

    pub(super) async fn execute(&mut self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let connection = self.connection()?;
        let prepared = connection
            .prepare_cached(&statement(sql))
            .await
            .map_err(refused)?;
        connection
            .execute(&prepared, &references(&params))
            .await
            .map_err(refused)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.connection()?
            .batch_execute("COMMIT")
            .await
            .map_err(refused)?;
        // Given back to the pool only now; on every other way out Drop closes it.
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Closing the connection rolls back at the server, without waiting here.
            drop(Object::take(connection));
        }
    }
}

/// Brings the tables to the newest step of each room. DDL is transactional here: all steps or none.
pub async fn migrate_up(client: &Client, rooms: &[RoomMigrations]) -> Result<()> {
    let work = async {
        client
            .batch_execute(&for_postgres(migrate::TABLE))
            .await
            .map_err(refused)?;
        for room in rooms {
            let found = version(client, room).await?;
            migrate::check_known(room, found)?;
            for step in room.steps.iter().filter(|step| step.version > found) {
                let failed = |error: tokio_postgres::Error| {
                    migrate::failed(room.room, step.version, &code(&error))
                };
                client
                    .batch_execute(&for_postgres(step.up))
                    .await
                    .map_err(failed)?;
                client
                    .execute(migrate::REMEMBER, &[&room.room, &i64::from(step.version)])
                    .await
                    .map_err(failed)?;
            }
        }
        Ok(())
    };
    in_migration(client, work).await
}

/// Takes back the newest step of each room, the last room first.
pub async fn migrate_down(client: &Client, rooms: &[RoomMigrations]) -> Result<()> {
    let work = async {
        client
            .batch_execute(&for_postgres(migrate::TABLE))
            .await
            .map_err(refused)?;
        for room in rooms.iter().rev() {
            let found = version(client, room).await?;
            migrate::check_known(room, found)?;
            let Some(step) = room.steps.iter().find(|step| step.version == found) else {
                continue;
            };
            let failed = |error: tokio_postgres::Error| {
                migrate::failed(room.room, step.version, &code(&error))
            };
            client
                .batch_execute(&for_postgres(step.down))
                .await
                .map_err(failed)?;
            client
                .execute(migrate::FORGET, &[&room.room, &i64::from(step.version)])
                .await
                .map_err(failed)?;
        }
        Ok(())
    };
    in_migration(client, work).await
}

async fn in_migration(client: &Client, work: impl Future<Output = Result<()>>) -> Result<()> {
    client.batch_execute("BEGIN").await.map_err(refused)?;
    client
        .query("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK])
        .await
        .map_err(refused)?;
    let done = work.await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(end).await.map_err(refused)?;
    done
}

async fn version(client: &Client, room: &RoomMigrations) -> Result<u32> {
    let row = client
        .query_one(migrate::VERSION, &[&room.room])
        .await
        .map_err(refused)?;
    u32::try_from(row.get::<_, i64>(0)).map_err(|_| Error::Shape(0))
}

/// Row locks are real here.
pub fn statement(sql: &str) -> String {
    sql.replace("{for_update}", "FOR UPDATE")
        .replace("{skip_locked}", "FOR UPDATE SKIP LOCKED")
}

async fn query(connection: &Object, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
    let prepared = connection
        .prepare_cached(&statement(sql))
        .await
        .map_err(refused)?;
    let rows = connection
        .query(&prepared, &references(params))
        .await
        .map_err(refused)?;
    rows.iter().map(read).collect()
}

fn references(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

fn read(row: &tokio_postgres::Row) -> Result<Row> {
    let values = row
        .columns()
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let shape = |_| Error::Shape(at);
            let value = match *column.type_() {
                Type::INT8 => row
                    .try_get::<_, Option<i64>>(at)
                    .map_err(shape)?
                    .map(Value::Int),
                Type::INT4 => row
                    .try_get::<_, Option<i32>>(at)
                    .map_err(shape)?
                    .map(|v| Value::Int(v.into())),
                Type::TEXT | Type::VARCHAR | Type::NAME => row
                    .try_get::<_, Option<String>>(at)
                    .map_err(shape)?
                    .map(Value::Text),
                Type::BYTEA => row
                    .try_get::<_, Option<Vec<u8>>>(at)
                    .map_err(shape)?
                    .map(Value::Bytes),
                _ => return Err(Error::Shape(at)),
            };
            Ok(value.unwrap_or(Value::Null))
        })
        .collect::<Result<_>>()?;
    Ok(Row(values))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.to_sql(kind, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR | Type::BYTEA
        )
    }

    to_sql_checked!();
}

/// The engine's error as ours: SQLSTATE only, because its text may quote a value.
#[allow(clippy::needless_pass_by_value)]
pub fn refused(error: tokio_postgres::Error) -> Error {
    match error.code() {
        // Class 53: insufficient resources; 57: operator intervention; 40: rolled back, try again; 08: connection.
        Some(state)
            if ["53", "57", "40", "08", "58"]
                .iter()
                .any(|class| state.code().starts_with(class)) =>
        {
            Error::Unavailable
        }
        Some(_) => Error::Statement(code(&error)),
        None => Error::Unavailable,
    }
}

fn code(error: &tokio_postgres::Error) -> String {
    error.code().map_or_else(
        || "postgres interface".into(),
        |state| format!("postgres {}", state.code()),
    )
}
