//! Settings of a running server: environment (with `.env` below it) and the files of the data folder.

use crate::platform::config::{Config, RETENTION_DAYS_MAX, STRETCHING, Storage};
use crate::platform::limits::{Rate, Rates};
use crate::platform::{Rng, Secrets};
use anyhow::{Context, Result, bail};
use axum::http::HeaderValue;
use securechat_proto::api::Stretching;
use securechat_proto::{b64, opaque};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const SECRET_FILE: &str = "secret.key";

/// Variables by name: the process's own first, then those of a `.env` file in the working folder.
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    pub fn read() -> Self {
        let mut variables: BTreeMap<String, String> = std::fs::read_to_string(".env")
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .filter(|(name, _)| !name.trim_start().starts_with('#'))
            .map(|(name, value)| {
                (
                    name.trim().to_owned(),
                    value.trim().trim_matches('"').to_owned(),
                )
            })
            .collect();
        variables.extend(std::env::vars());
        Self(variables)
    }

    #[cfg(test)]
    fn of(variables: &[(&str, &str)]) -> Self {
        Self(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Where the server keeps what it keeps: PostgreSQL when DATABASE_URL says so, else files in `data`.
pub fn storage(environment: &Environment, data: &Path) -> Result<Storage> {
    match environment.get("DATABASE_URL") {
        None => Ok(Storage::Files(data.to_owned())),
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(Storage::Postgres(url.to_owned()))
        }
        Some(_) => bail!(
            "DATABASE_URL must begin with postgres:// (or be empty for SQLite in the data folder)"
        ),
    }
}

/// The configuration of this installation.
pub fn config(environment: &Environment, data: &Path) -> Result<Config> {
    let cors_origins = environment
        .get("CORS_ORIGINS")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(|origin| HeaderValue::try_from(origin).context("CORS_ORIGINS: not an origin"))
        .collect::<Result<_>>()?;
    let sign_up_open = match environment.get("SIGN_UP") {
        None | Some("open") => true,
        Some("closed") => false,
        Some(_) => bail!("SIGN_UP is open or closed"),
    };
    let trusted_proxies = environment
        .get("TRUSTED_PROXIES")
        .map_or(Ok(0), str::parse)
        .context("TRUSTED_PROXIES: the number of proxies in front")?;
    Ok(Config {
        name: environment
            .get("SERVER_NAME")
            .unwrap_or("SecureChat")
            .chars()
            .take(64)
            .collect(),
        storage: storage(environment, data)?,
        sign_up_open,
        cors_origins,
        trusted_proxies,
        stretching: stretching(environment)?,
        retention_days: retention_days(environment)?,
        rates: rates(environment)?,
        ..Config::default()
    })
}

/// `OPAQUE_MEMORY_KIB` is what guessing one password costs whoever steals the records; load runs take the least.
fn stretching(environment: &Environment) -> Result<Stretching> {
    let Some(text) = environment.get("OPAQUE_MEMORY_KIB") else {
        return Ok(STRETCHING);
    };
    let memory_kib = text.parse().context("OPAQUE_MEMORY_KIB: a number")?;
    let stretching = Stretching {
        memory_kib,
        ..STRETCHING
    };
    if !opaque::is_acceptable(&stretching) {
        bail!(
            "OPAQUE_MEMORY_KIB is from {} to {}: clients refuse anything else",
            opaque::MEMORY_KIB_MIN,
            opaque::MEMORY_KIB_MAX
        );
    }
    Ok(stretching)
}

/// `RETENTION_DAYS`: how long an undelivered envelope waits.
fn retention_days(environment: &Environment) -> Result<u32> {
    let Some(text) = environment.get("RETENTION_DAYS") else {
        return Ok(RETENTION_DAYS_MAX);
    };
    let days = text.parse().context("RETENTION_DAYS: a number")?;
    if !(1..=RETENTION_DAYS_MAX).contains(&days) {
        bail!("RETENTION_DAYS is from 1 to {RETENTION_DAYS_MAX}");
    }
    Ok(days)
}

/// `RATE_LIMITS=off` is for load runs and closed networks; SIGN_UPS_PER_HOUR counts by network.
fn rates(environment: &Environment) -> Result<Rates> {
    let mut rates = match environment.get("RATE_LIMITS") {
        None | Some("on") => Rates::default(),
        Some("off") => Rates::unlimited(),
        Some(_) => bail!("RATE_LIMITS is on or off"),
    };
    if let Some(text) = environment.get("SIGN_UPS_PER_HOUR") {
        let burst = text.parse().context("SIGN_UPS_PER_HOUR: a number")?;
        rates.sign_ups_per_network = Rate {
            burst,
            period_s: 3600,
        };
    }
    Ok(rates)
}

/// Makes the data folder, readable by its owner only.
pub fn make_data_folder(data: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot make the data folder {}", data.display()))
}

/// SECRET_KEY from the environment, else from the data folder, where it is made when missing.
pub fn secrets(environment: &Environment, data: &Path, rng: &Rng) -> Result<Secrets> {
    let old = environment
        .get("SECRET_KEY_OLD")
        .map(|text| parse_secret("SECRET_KEY_OLD", text))
        .transpose()?;
    let current = match environment.get("SECRET_KEY") {
        Some(text) => parse_secret("SECRET_KEY", text)?,
        None => secret_file(data, rng)?,
    };
    Ok(Secrets::new(current, old))
}

fn secret_file(data: &Path, rng: &Rng) -> Result<[u8; 32]> {
    let path = data.join(SECRET_FILE);
    if !path.exists() {
        make_data_folder(data)?;
        let secret: [u8; 32] = rng.bytes();
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = made.with_context(|| format!("cannot make {}", path.display()))?;
        file.write_all(b64::encode(&secret).as_bytes())?;
        file.sync_all()?;
        std::fs::File::open(data)?.sync_all()?;
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    parse_secret(SECRET_FILE, text.trim())
}

/// 32 bytes, base64url.
fn parse_secret(name: &str, text: &str) -> Result<[u8; 32]> {
    b64::decode_array(text.trim_end_matches('='))
        .with_context(|| format!("{name} must be 32 bytes as base64url (43 characters)"))
}

/// What `check` says about the secret's file: its path, and whether others may read it.
pub fn secret_file_problem(environment: &Environment, data: &Path) -> Option<String> {
    let path: PathBuf = data.join(SECRET_FILE);
    if environment.get("SECRET_KEY").is_some() || !path.exists() {
        return None;
    }
    let mode = std::fs::metadata(&path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} can be read by others (mode {mode:o}); make it 600",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (environment, rng) = (Environment::of(&[]), Rng::system());
        let first = secrets(&environment, folder.path(), &rng).expect("made");
        let second = secrets(&environment, folder.path(), &rng).expect("read");
        assert_eq!(*first.key("jwt"), *second.key("jwt"));
        let mode = std::fs::metadata(folder.path().join(SECRET_FILE))
            .expect("the file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(secret_file_problem(&environment, folder.path()), None);
    }

    #[test]
    fn wrong_settings_are_refused_with_their_name() {
        for (name, value) in [
            ("DATABASE_URL", "mysql://host"),
            ("SIGN_UP", "maybe"),
            ("RATE_LIMITS", "sometimes"),
            ("TRUSTED_PROXIES", "-1"),
            ("SIGN_UPS_PER_HOUR", "many"),
            ("OPAQUE_MEMORY_KIB", "1024"),
            ("OPAQUE_MEMORY_KIB", "plenty"),
            ("RETENTION_DAYS", "0"),
            ("RETENTION_DAYS", "31"),
            ("RETENTION_DAYS", "for ever"),
        ] {
            let error =
                config(&Environment::of(&[(name, value)]), Path::new("data")).expect_err(name);
            assert!(format!("{error:#}").contains(name), "{error:#}");
        }
        let short = Environment::of(&[("SECRET_KEY", "short")]);
        assert!(secrets(&short, Path::new("data"), &Rng::system()).is_err());
    }
}
