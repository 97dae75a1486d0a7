//! Settings of a running server: environment (with `.env` below it) and the secret in the data folder.

use super::data::{self, SECRET_FILE};
use crate::platform::config::{Config, RETENTION_DAYS_MAX, STRETCHING, Storage};
use crate::platform::limits::{Rate, Rates};
use crate::platform::{Rng, Secrets};
use anyhow::{Context, Result, bail};
use axum::http::{HeaderValue, Uri};
use securechat_proto::api::Stretching;
use securechat_proto::{b64, opaque};
use std::collections::BTreeMap;
use std::path::Path;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Variables by name: the process's own first, then those of a `.env` file in the working folder.
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Lines of the file that are no settings; among the problems of [`config`], and [`storage`] refuses them.
    unread: Problems,
}

impl Environment {
    /// # Errors
    /// There is a `.env` file that cannot be read: without it the server would run with other settings than its owner wrote.
    pub fn read() -> std::io::Result<Self> {
        let file = match std::fs::read_to_string(".env") {
            // A link that leads nowhere is a file that its owner meant.
            Err(_) if is_absent(".env") => String::new(),
            file => file.map_err(|error| {
                std::io::Error::new(error.kind(), format!(".env cannot be read: {error}"))
            })?,
        };
        let mut environment = Self::of_file(&file);
        // What is not text is none of ours.
        let own = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        environment.variables.extend(own);
        Ok(environment)
    }

    /// A byte order mark and `export` are what other programs write.
    fn of_file(file: &str) -> Self {
        let mut unread = Problems::default();
        let lines = file.trim_start_matches('\u{feff}').lines().zip(1..);
        let read = |(line, number): (&str, u32)| {
            let setting = line_of_file(line.trim()).with_context(|| format!(".env, line {number}"));
            unread.note(setting).flatten()
        };
        Self {
            variables: lines.filter_map(read).collect(),
            unread,
        }
    }

    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            variables: variables.iter().map(owned).collect(),
            unread: Problems::default(),
        }
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name);
        value.map(String::as_str).filter(|value| !value.is_empty())
    }
}

fn is_absent(path: &str) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// `NAME=value`; none for an empty line and a comment. What is wrong is told without the value, which may be a secret.
fn line_of_file(line: &str) -> Result<Option<(String, String)>> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = line.split_once('=').context("no NAME=value")?;
    let exported = name.strip_prefix("export");
    let name = match exported.filter(|rest| rest.starts_with(char::is_whitespace)) {
        Some(rest) => rest.trim(),
        None => name.trim(),
    };
    if !is_name(name) {
        bail!("no NAME=value: a name has letters, digits and _, and does not begin with a digit");
    }
    Ok(Some((name.to_owned(), value_of_line(value)?.to_owned())))
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(is_part) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// What stands between quotes, as it stands there; without quotes, what stands before a `#` with a space in front of it.
fn value_of_line(text: &str) -> Result<&str> {
    let value = text.trim();
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let mut spaces = text.match_indices([' ', '\t']);
        let comment = spaces.find(|(at, _)| text[at + 1..].starts_with('#'));
        return Ok(comment.map_or(value, |(at, _)| text[..at].trim()));
    };
    let (value, rest) = value[1..]
        .split_once(quote)
        .context("a quote that does not end")?;
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with('#') {
        bail!("something stands behind the closing quote");
    }
    Ok(value)
}

/// Everything that is wrong with the settings, a line each.
#[derive(Clone, Debug, Default, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

impl Problems {
    /// The value of a good setting; what is wrong with a bad one is noted.
    fn note<T>(&mut self, setting: Result<T>) -> Option<T> {
        setting
            .map_err(|error| self.0.push(format!("{error:#}")))
            .ok()
    }

    fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

/// Where the server keeps what it keeps.
///
/// # Errors
/// Also when a line of `.env` cannot be read: it may be the one that says where, and a command would then work on another
/// database than its owner means.
pub fn storage(environment: &Environment, data: &Path) -> Result<Storage> {
    environment.unread.clone().or(())?;
    storage_of(environment, data)
}

/// PostgreSQL when DATABASE_URL says so, else files in `data`.
fn storage_of(environment: &Environment, data: &Path) -> Result<Storage> {
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
///
/// # Errors
/// All that is wrong, not only the first.
pub fn config(environment: &Environment, data: &Path) -> Result<Config, Problems> {
    let mut problems = environment.unread.clone();
    problems.note(log_filter(environment));
    problems.note(log_is_json(environment));
    let mut rates = problems.note(rates(environment)).unwrap_or_default();
    if let Some(sign_ups) = problems.note(sign_ups(environment)).flatten() {
        rates.sign_ups_per_network = sign_ups;
    }
    let config = Config {
        name: environment
            .get("SERVER_NAME")
            .unwrap_or("SecureChat")
            .chars()
            .take(64)
            .collect(),
        storage: problems
            .note(storage_of(environment, data))
            .unwrap_or(Storage::Memory),
        sign_up_open: problems.note(sign_up_open(environment)).unwrap_or(false),
        cors_origins: cors_origins(environment)
            .filter_map(|origin| problems.note(origin))
            .collect(),
        trusted_proxies: problems.note(trusted_proxies(environment)).unwrap_or(0),
        stretching: problems.note(stretching(environment)).unwrap_or(STRETCHING),
        retention_days: problems
            .note(retention_days(environment))
            .unwrap_or(RETENTION_DAYS_MAX),
        rates,
        ..Config::default()
    };
    problems.or(config)
}

/// `LOG` is a filter as in `info,securechat_server=debug`.
pub fn log_filter(environment: &Environment) -> Result<EnvFilter> {
    let text = environment.get("LOG").unwrap_or("info");
    // The filter takes a word that is no level for a target, and then everything else is silent.
    let is_level = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    if !text.split(',').all(is_level) {
        bail!(
            "LOG: levels (off, error, warn, info, debug, trace) or target=level, separated by commas"
        );
    }
    EnvFilter::try_new(text).context("LOG")
}

/// `LOG_FORMAT=json` writes one object a line.
pub fn log_is_json(environment: &Environment) -> Result<bool> {
    match environment.get("LOG_FORMAT") {
        None | Some("text") => Ok(false),
        Some("json") => Ok(true),
        Some(_) => bail!("LOG_FORMAT is text or json"),
    }
}

fn sign_up_open(environment: &Environment) -> Result<bool> {
    match environment.get("SIGN_UP") {
        None | Some("open") => Ok(true),
        Some("closed") => Ok(false),
        Some(_) => bail!("SIGN_UP is open or closed"),
    }
}

fn cors_origins(environment: &Environment) -> impl Iterator<Item = Result<HeaderValue>> {
    environment
        .get("CORS_ORIGINS")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(origin)
}

/// What a browser sends as `Origin`: anything else would never match, and `*` would stop the start.
fn origin(text: &str) -> Result<HeaderValue> {
    const SHAPE: &str = "CORS_ORIGINS: origins are http(s)://host[:port], without a path";
    let uri: Uri = text.parse().context(SHAPE)?;
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let scheme = uri.scheme_str().unwrap_or_default();
    let plain = match uri.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    if !is_web || host.is_empty() || host.contains('*') || plain != text {
        bail!(SHAPE);
    }
    HeaderValue::try_from(text).context(SHAPE)
}

fn trusted_proxies(environment: &Environment) -> Result<usize> {
    environment
        .get("TRUSTED_PROXIES")
        .map_or(Ok(0), str::parse)
        .context("TRUSTED_PROXIES: the number of proxies in front")
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

/// `RATE_LIMITS=off` is for load runs and closed networks.
fn rates(environment: &Environment) -> Result<Rates> {
    match environment.get("RATE_LIMITS") {
        None | Some("on") => Ok(Rates::default()),
        Some("off") => Ok(Rates::unlimited()),
        Some(_) => bail!("RATE_LIMITS is on or off"),
    }
}

/// `SIGN_UPS_PER_HOUR` counts by network.
fn sign_ups(environment: &Environment) -> Result<Option<Rate>> {
    let Some(text) = environment.get("SIGN_UPS_PER_HOUR") else {
        return Ok(None);
    };
    let burst = text.parse().context("SIGN_UPS_PER_HOUR: a number")?;
    Ok(Some(Rate {
        burst,
        period_s: 3600,
    }))
}

/// SECRET_KEY from the environment, else from the data folder, where it is made when missing.
pub fn secrets(environment: &Environment, data: &Path, rng: &Rng) -> Result<Secrets> {
    if let Some(given) = given_secrets(environment, data)? {
        return Ok(given);
    }
    data::make(data)?;
    let secret: [u8; 32] = rng.bytes();
    data::write_new(&data.join(SECRET_FILE), b64::encode(&secret).as_bytes())?;
    given_secrets(environment, data)?.context("the secret is gone again")
}

/// The secret that is there already; none before the first start.
pub fn given_secrets(environment: &Environment, data: &Path) -> Result<Option<Secrets>, Problems> {
    let mut problems = Problems::default();
    let given = |name: &str| {
        environment
            .get(name)
            .map(|text| parse_secret(name, text))
            .transpose()
    };
    let old = problems.note(given("SECRET_KEY_OLD")).flatten();
    let current = match environment.get("SECRET_KEY") {
        Some(_) => given("SECRET_KEY"),
        None => secret_file(data),
    };
    let current = problems.note(current).flatten();
    problems.or(current.map(|current| Secrets::new(current, old)))
}

fn secret_file(data: &Path) -> Result<Option<[u8; 32]>> {
    let path = data.join(SECRET_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    parse_secret(SECRET_FILE, text.trim()).map(Some)
}

/// 32 bytes, base64url.
fn parse_secret(name: &str, text: &str) -> Result<[u8; 32]> {
    b64::decode_array(text.trim_end_matches('='))
        .with_context(|| format!("{name} must be 32 bytes as base64url (43 characters)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_settings_may_have_been_written_by_other_programs() {
        let file =
            "\u{feff}SIGN_UP=closed\r\n# A=b\n\nexport SERVER_NAME=\"My Chat\"\n  LOG = info\n";
        let found = Environment::of_file(file);
        for (name, value) in [
            ("SIGN_UP", "closed"),
            ("SERVER_NAME", "My Chat"),
            ("LOG", "info"),
        ] {
            assert_eq!(found.get(name), Some(value));
        }
        assert_eq!((found.variables.len(), found.unread.0.len()), (3, 0));
    }

    #[test]
    fn a_comment_behind_a_value_is_none_of_it() {
        for (line, value) in [
            ("A=1 # one proxy", "1"),
            ("A=1\t# one proxy", "1"),
            ("A=1#2", "1#2"),
            ("A=postgres://u:p#w@h/d # ours", "postgres://u:p#w@h/d"),
            ("A=\"Chat # one\" # the name", "Chat # one"),
            ("A='it is \"ours\"'", "it is \"ours\""),
            ("A=Anna's", "Anna's"),
            ("A= # nothing yet", ""),
            ("A=", ""),
            ("A=b=c", "b=c"),
        ] {
            let read = line_of_file(line).expect(line);
            assert_eq!(read, Some(("A".into(), value.into())), "{line}");
        }
    }

    #[test]
    fn lines_that_are_no_settings_are_told_without_their_value() {
        let file = "SIGN_UP=open\nclosed\nSECRET_KEY=\"secret\nSERVER_NAME='My' Chat\n";
        let Problems(told) =
            config(&Environment::of_file(file), Path::new("data")).expect_err("problems");
        assert_eq!(
            told,
            [
                ".env, line 2: no NAME=value",
                ".env, line 3: a quote that does not end",
                ".env, line 4: something stands behind the closing quote",
            ]
        );
    }

    #[test]
    fn no_command_works_on_a_database_while_a_line_is_unread() {
        for file in [
            "DATABASE_URL=\"postgres://u:p@h/d\n",
            "DATABASE_URL postgres://u:p@h/d\n",
            "DATABASE URL=postgres://u:p@h/d\n",
        ] {
            let refused = storage(&Environment::of_file(file), Path::new("data")).expect_err(file);
            let told = refused.to_string();
            assert!(told.starts_with(".env, line 1: "), "{told}");
            assert!(!told.contains("u:p"), "{told}");
        }
        let read = Environment::of_file("export\tDATABASE_URL=postgres://u:p@h/d\n");
        let found = storage(&read, Path::new("data")).expect("a storage");
        assert_eq!(found, Storage::Postgres("postgres://u:p@h/d".into()));
    }

    #[test]
    fn a_name_that_no_setting_has_is_told() {
        for line in [
            "SIGN UP=closed",
            "=x",
            "export =x",
            "SIGN-UP=closed",
            "2ND=x",
            "SIGN_ÜP=x",
        ] {
            let refused = line_of_file(line).expect_err(line).to_string();
            assert!(refused.starts_with("no NAME=value"), "{refused}");
        }
        for line in [
            "export\tSIGN_UP=closed",
            "export  SIGN_UP = closed",
            "SIGN_UP=closed",
        ] {
            let read = line_of_file(line).expect(line);
            assert_eq!(read, Some(("SIGN_UP".into(), "closed".into())), "{line}");
        }
    }

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (environment, rng) = (Environment::of(&[]), Rng::system());
        let first = secrets(&environment, folder.path(), &rng).expect("made");
        let second = secrets(&environment, folder.path(), &rng).expect("read");
        assert_eq!(*first.key("jwt"), *second.key("jwt"));
        let path = folder.path().join(SECRET_FILE);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(path).expect("the file").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
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
            ("LOG", "nonsense"),
            ("LOG", "verbose,info"),
            ("LOG", "info,securechat_server=loud"),
            ("LOG", "info # quiet"),
            ("LOG_FORMAT", "JSON"),
            ("LOG_FORMAT", "xml"),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "null"),
            ("CORS_ORIGINS", "nonsense"),
            ("CORS_ORIGINS", "ftp://a.example"),
            ("CORS_ORIGINS", "https://a.example/"),
            ("CORS_ORIGINS", "https://a.example/path"),
            ("CORS_ORIGINS", "https://me@a.example"),
            ("CORS_ORIGINS", "https://*.example"),
        ] {
            let error =
                config(&Environment::of(&[(name, value)]), Path::new("data")).expect_err(name);
            assert!(format!("{error:#}").contains(name), "{error:#}");
        }
        for fine in ["warn", "DEBUG", "info,securechat_server::mailbox=trace"] {
            log_filter(&Environment::of(&[("LOG", fine)])).expect(fine);
        }
        let text = Environment::of(&[("LOG_FORMAT", "text")]);
        assert!(!log_is_json(&text).expect("a format"));
        let fine = "https://a.example, http://localhost:5173,http://[::1]:8000";
        let fine = Environment::of(&[("CORS_ORIGINS", fine)]);
        let origins = config(&fine, Path::new("data")).expect("origins");
        assert_eq!(origins.cors_origins.len(), 3);
        let short = Environment::of(&[("SECRET_KEY", "short")]);
        assert!(secrets(&short, Path::new("data"), &Rng::system()).is_err());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = [
            ("DATABASE_URL", "mysql://host"),
            ("SIGN_UP", "maybe"),
            ("CORS_ORIGINS", "https://fine.example, \u{7f}"),
            ("TRUSTED_PROXIES", "-1"),
            ("OPAQUE_MEMORY_KIB", "1024"),
            ("RETENTION_DAYS", "31"),
            ("RATE_LIMITS", "sometimes"),
            ("SIGN_UPS_PER_HOUR", "many"),
            ("LOG", "nonsense"),
            ("LOG_FORMAT", "xml"),
            ("SECRET_KEY", "short"),
            ("SECRET_KEY_OLD", "shorter"),
        ];
        let environment = Environment::of(&wrong);
        let Problems(mut told) = config(&environment, Path::new("data")).expect_err("problems");
        told.extend(
            given_secrets(&environment, Path::new("data"))
                .map(drop)
                .expect_err("problems")
                .0,
        );
        assert_eq!(told.len(), wrong.len(), "{told:?}");
        for (name, _) in wrong {
            assert!(
                told.iter().any(|line| line.contains(name)),
                "{name}: {told:?}"
            );
        }
    }
}
