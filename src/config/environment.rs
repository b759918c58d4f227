//! The environment: the only place that reads variables and `.env`.

use super::ConfigError;
use super::source::is_variable_name;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A variable that changes a setting, for help texts and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The key in `pipeline.toml` that it stands in for.
    pub key: &'static str,
    /// The flag that wins over it.
    pub flag: &'static str,
}

const fn variable(name: &'static str, key: &'static str, flag: &'static str) -> Variable {
    Variable { name, key, flag }
}

/// The variables that altfill itself reads. Besides these, `site.token_env`
/// and each model's `api_key_env` name variables that hold secrets. An empty
/// variable counts as one that is not set.
///
/// Precedence: flag, then variable, then file, then default. Paths in a
/// variable are relative to the working directory, like those of a flag; in
/// `.env` they are relative to that file, like those of `pipeline.toml`.
pub const VARIABLES: [Variable; 9] = [
    variable(CONFIG, "", "--config"),
    variable(MODEL, "model", "--model"),
    variable(MODELS, "models", "--models"),
    variable(STATE, "state", "--state"),
    variable(LANGUAGE, "language", "--language"),
    variable(MAX_COST, "run.max_cost", "--max-cost"),
    variable(DEADLINE, "run.deadline", "--deadline"),
    variable(UNTIL, "run.until", "--until"),
    variable(CONCURRENCY, "run.concurrency", "--concurrency"),
];

pub(super) const CONFIG: &str = "ALTFILL_CONFIG";
pub(super) const MODEL: &str = "ALTFILL_MODEL";
pub(super) const MODELS: &str = "ALTFILL_MODELS";
pub(super) const STATE: &str = "ALTFILL_STATE";
pub(super) const LANGUAGE: &str = "ALTFILL_LANGUAGE";
pub(super) const MAX_COST: &str = "ALTFILL_MAX_COST";
pub(super) const DEADLINE: &str = "ALTFILL_DEADLINE";
pub(super) const UNTIL: &str = "ALTFILL_UNTIL";
pub(super) const CONCURRENCY: &str = "ALTFILL_CONCURRENCY";

/// Where systemd puts the credentials of a service (`LoadCredential=`), and
/// whoever else wants to: one file each.
pub(super) const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Bytes of a credential. Keys and tokens are a hundredth of that.
const LARGEST_CREDENTIAL: u64 = 64 * 1024;

/// The variables that settings may use. The real environment wins over `.env`.
#[derive(Clone, Default)]
pub struct Environment {
    process: BTreeMap<String, String>,
    dotenv: BTreeMap<String, String>,
}

/// A secret, and where it was found.
pub(super) struct Found {
    pub(super) text: String,
    /// In words for people: `the variable SITE_TOKEN`.
    pub(super) place: String,
}

/// Which of the two a variable was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// The environment of the process.
    Process,
    /// The `.env` file beside `pipeline.toml`.
    Dotenv,
}

impl Environment {
    /// The environment of this process, read once. Variables that are not
    /// valid Unicode are left out.
    pub fn capture() -> Self {
        let pairs = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            process: pairs.collect(),
            dotenv: BTreeMap::new(),
        }
    }

    /// An environment with exactly these variables.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = pairs.into_iter();
        Self {
            process: pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            dotenv: BTreeMap::new(),
        }
    }

    /// The variables that name a proxy in a way that nothing understands, so that it
    /// is passed by.
    pub fn unusable_proxies(&self) -> Vec<&'static str> {
        const NAMES: [&str; 6] = [
            "HTTPS_PROXY",
            "https_proxy",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "all_proxy",
        ];
        let unusable = |name: &&str| {
            let value = self.process.get(*name).map(String::as_str);
            value.is_some_and(|value| !value.is_empty() && !is_proxy(value))
        };
        NAMES.into_iter().filter(unusable).collect()
    }

    /// A variable's value, unless it is missing or blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.layered(name).map(|(value, _)| value)
    }

    /// The same, with where it was found.
    pub(super) fn layered(&self, name: &str) -> Option<(&str, Layer)> {
        let layers = [
            (&self.process, Layer::Process),
            (&self.dotenv, Layer::Dotenv),
        ];
        layers.into_iter().find_map(|(variables, layer)| {
            let value = variables
                .get(name)
                .filter(|value| !value.trim().is_empty())?;
            Some((value.as_str(), layer))
        })
    }

    /// A secret by its name: the variable of the process, else the credential of
    /// that name in `$CREDENTIALS_DIRECTORY`, else `.env`.
    ///
    /// # Errors
    /// Why a credential that is there can't be read: a sentence fragment.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Found>, String> {
        let variable = self.layered(name).map(|(text, layer)| {
            let text = text.to_owned();
            let place = format!("the variable {name}");
            (Found { text, place }, layer)
        });
        if let Some((found, Layer::Process)) = variable {
            return Ok(Some(found));
        }
        let credential = self.credential(name)?;
        Ok(credential.or(variable.map(|(found, _)| found)))
    }

    fn credential(&self, name: &str) -> Result<Option<Found>, String> {
        let Some(directory) = self.process.get(CREDENTIALS) else {
            return Ok(None);
        };
        // A name that is a path would lead elsewhere.
        if !is_variable_name(name) {
            return Ok(None);
        }
        let path = PathBuf::from(directory).join(name);
        let failed = |why: &str| format!("the credential `{}` {why}", path.display());
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&format!("can't be read: {error}"))),
        };
        let mut text = String::new();
        file.take(LARGEST_CREDENTIAL)
            .read_to_string(&mut text)
            .map_err(|error| failed(&format!("can't be read: {error}")))?;
        if text.trim().is_empty() {
            return Err(failed("is empty"));
        }
        let place = format!("the credential {}", path.display());
        Ok(Some(Found { text, place }))
    }

    /// Whether the terminal understands nothing but lines (`TERM=dumb`).
    pub fn terminal_is_dumb(&self) -> bool {
        self.process.get("TERM").is_some_and(|term| term == "dumb")
    }

    /// The same with what a `.env` file in this directory says; one that can't be
    /// read is passed over.
    #[must_use]
    pub fn with_dotenv(mut self, directory: &Path) -> Self {
        let _ = self.read_dotenv(directory);
        self
    }

    /// A variable's value, unless it is missing or blank.
    pub fn value(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.trim().to_owned())
    }

    /// Whether a program can be found: at its path, or in a directory of `PATH`.
    pub fn finds_program(&self, program: &str) -> bool {
        let runnable = |path: &Path| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::metadata(path)
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        };
        if program.contains('/') {
            return runnable(Path::new(program));
        }
        let path = self
            .process
            .get("PATH")
            .map_or("/usr/bin:/bin", String::as_str);
        std::env::split_paths(path).any(|directory| runnable(&directory.join(program)))
    }

    /// Adds what a `.env` file in this directory says, below what is there. No
    /// file is fine.
    pub(super) fn read_dotenv(&mut self, directory: &Path) -> Result<(), ConfigError> {
        let path = directory.join(".env");
        // Looked for by reading: a file without permission must not pass as absent.
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        let unreadable = |error: dotenvy::Error| match error {
            // The parser's own message would quote the line, secret and all.
            dotenvy::Error::LineParse(bad, _) => ConfigError::Dotenv {
                path: path.clone(),
                line: line_of(&text, &bad),
            },
            dotenvy::Error::Io(source) => ConfigError::Unreadable {
                path: path.clone(),
                source,
            },
            _ => ConfigError::Dotenv {
                path: path.clone(),
                line: 1,
            },
        };
        for pair in dotenvy::from_path_iter(&path).map_err(unreadable)? {
            let (name, value) = pair.map_err(unreadable)?;
            self.dotenv.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// Variables that look like ours but are not, with what may be meant.
    pub(super) fn unknown(&self) -> Vec<String> {
        let known = VARIABLES.map(|variable| variable.name);
        let names = self.process.keys().chain(self.dotenv.keys());
        let ours = names.filter(|name| name.starts_with("ALTFILL_"));
        let unknown = ours.filter(|name| !known.contains(&name.as_str()));
        unknown
            .map(|name| {
                let near = super::reader::did_you_mean(name, known)
                    .map(|text| format!("; {text}"))
                    .unwrap_or_default();
                format!("the variable {name} is not one that altfill reads{near}")
            })
            .collect()
    }
}

fn line_of(text: &str, bad: &str) -> usize {
    let first = bad.lines().next().unwrap_or_default().trim();
    let found = text.lines().position(|line| line.contains(first));
    found.unwrap_or_default() + 1
}

impl fmt::Debug for Environment {
    /// Names no values: some of them are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = (self.process.len(), self.dotenv.len());
        write!(
            f,
            "Environment({} variables, {} in .env)",
            counts.0, counts.1
        )
    }
}

/// Whether a proxy can be found at an address, as far as the address tells.
fn is_proxy(address: &str) -> bool {
    let (scheme, rest) = match address.split_once("://") {
        Some(parts) => parts,
        None if address.contains('/') => return false,
        None => ("http", address),
    };
    let known = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];
    let known = known.iter().any(|it| scheme.eq_ignore_ascii_case(it));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let in_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let parsed = url::Url::parse(&format!("http://{host}/"));
    known && host.chars().all(in_host) && parsed.is_ok_and(|url| url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_dotenv(text: &str) -> Result<Environment, ConfigError> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join(".env"), text).expect("written");
        let mut environment = Environment::from_pairs([("A", "real"), ("EMPTY", " ")]);
        environment.read_dotenv(directory.path())?;
        Ok(environment)
    }

    #[test]
    fn the_real_environment_wins_over_dotenv() {
        let text = "# secrets\nA=file\nexport B=\"two words\"\nEMPTY=filled\nNONE=\n";
        let environment = with_dotenv(text).expect("valid");
        assert_eq!(environment.layered("A"), Some(("real", Layer::Process)));
        assert_eq!(environment.layered("B"), Some(("two words", Layer::Dotenv)));
        assert_eq!(environment.get("EMPTY"), Some("filled"));
        assert_eq!(environment.get("NONE"), None);
    }

    #[test]
    fn a_broken_dotenv_is_named_by_line_without_its_content() {
        let error = with_dotenv("A=1\nSITE_TOKEN=s3cret value\n").expect_err("broken");
        let text = error.to_string();
        assert!(text.contains(".env") && text.contains("line 2"), "{text}");
        assert!(!format!("{text}{error:?}{:?}", error.hint()).contains("s3cret"));
    }

    #[test]
    fn a_secret_is_a_variable_a_credential_or_a_line_of_dotenv_in_this_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("written");
        };
        place("BOTH", "from the credential\n");
        place("ONLY", "from the credential\n");
        place("EMPTY", " \n");
        let credentials = directory.path().to_str().expect("plain text");
        let mut environment = Environment::from_pairs([(CREDENTIALS, credentials), ("BOTH", "b")]);
        for name in ["BOTH", "ONLY", "DOTENV"] {
            let value = "from .env".to_owned();
            environment.dotenv.insert(name.to_owned(), value);
        }
        let found = |name: &str| {
            let found = environment.secret(name).expect("readable");
            found.map(|found| (found.text.trim().to_owned(), found.place))
        };
        let (text, place) = found("BOTH").expect("there");
        assert_eq!((&*text, &*place), ("b", "the variable BOTH"));
        let (text, place) = found("ONLY").expect("there");
        assert_eq!(text, "from the credential");
        assert!(
            place.starts_with("the credential ") && place.ends_with("/ONLY"),
            "{place}"
        );
        assert_eq!(found("DOTENV").expect("there").0, "from .env");
        assert!(found("NONE").is_none() && found("../ONLY").is_none());
        assert!(
            environment
                .secret("EMPTY")
                .is_err_and(|why| why.contains("is empty"))
        );
    }

    #[test]
    fn debug_shows_no_values() {
        let environment = Environment::from_pairs([("SITE_TOKEN", "s3cret")]);
        assert!(!format!("{environment:?}").contains("s3cret"));
    }

    #[test]
    fn a_mistyped_variable_of_ours_is_noticed() {
        let environment = Environment::from_pairs([("ALTFILL_MODLE", "x"), ("HOME", "/")]);
        let [text] = &environment.unknown()[..] else {
            panic!()
        };
        assert!(
            text.contains("ALTFILL_MODLE") && text.contains("ALTFILL_MODEL"),
            "{text}"
        );
    }
}
