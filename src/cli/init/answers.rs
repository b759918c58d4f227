//! What `init` can't find out: from flags, else from a person at the terminal,
//! else the usual.

use crate::cli::args;
use crate::cli::exit::Usage;
use crate::cli::output::Output;
use crate::config::Environment;
use crate::site::discover::{Discovered, Drupal, Guess, Kind, WordPress};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use url::Url;

/// All that a settings file needs to know of a site.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    /// The archive inside the program.
    Embedded,
    /// A folder of photos.
    Folder(PathBuf),
    /// WordPress.
    WordPress {
        base: Url,
        account: Account,
        site: WordPress,
    },
    /// Drupal.
    Drupal {
        base: Url,
        account: Account,
        site: Drupal,
    },
    /// Strapi.
    Strapi { base: Url, token: Token },
    /// The album API.
    Album {
        base: Url,
        token: Token,
        manifest: Option<String>,
        pixels: String,
    },
    /// Nothing that a preset is for.
    Described(Described),
}

/// A site that is described in full.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Described {
    pub(super) base: Url,
    pub(super) token: Token,
    pub(super) user: Option<String>,
    /// What one of its lists told.
    pub(super) guess: Option<Box<Guess>>,
}

/// An account and where its password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) token: Token,
}

/// Where a token is: never the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Variable(String),
    File(String),
}

/// Where answers come from.
pub(super) struct Answers<'a> {
    pub(super) args: &'a args::Init,
    pub(super) output: &'a Output,
    pub(super) directory: &'a Path,
}

impl Answers<'_> {
    /// The token, where it is already set: it lets a list be read that not
    /// everybody may read.
    pub(super) fn token(&self) -> Option<SecretString> {
        let environment = Environment::capture();
        let text = match (&self.args.token_env, &self.args.token_file) {
            (Some(name), _) => environment.with_dotenv(self.directory).value(name)?,
            (None, Some(file)) => std::fs::read_to_string(file).ok()?.trim().to_owned(),
            (None, None) => environment
                .with_dotenv(self.directory)
                .value("SITE_TOKEN")?,
        };
        (!text.is_empty()).then(|| text.into())
    }

    /// The first photo of the list that was named.
    pub(super) fn album_photo(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.args.manifest.as_ref()?).ok()?;
        let mut lines = text.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        first.map(str::to_owned)
    }

    /// What was found, unless a preset was named.
    pub(super) fn preset(&self, found: Discovered) -> anyhow::Result<Discovered> {
        let Some(name) = self.args.preset.as_deref() else {
            return Ok(found);
        };
        let kind = match (name, found.kind) {
            ("wordpress", kind @ Kind::WordPress(_))
            | ("drupal-jsonapi", kind @ Kind::Drupal(_))
            | ("rest", kind @ Kind::Unknown(_)) => kind,
            ("wordpress", _) => Kind::WordPress(WordPress {
                api: "/wp-json/wp/v2".to_owned(),
                // What could not be looked at is not called wrong.
                passwords: Some(String::new()),
                ..WordPress::default()
            }),
            ("drupal-jsonapi", _) => Kind::Drupal(Drupal {
                media_type: "image".to_owned(),
                field: None,
            }),
            ("strapi", _) => Kind::Strapi,
            ("album", _) => Kind::Album,
            ("rest", _) => Kind::Unknown(None),
            _ => {
                let message = format!("--preset: there is no preset \"{name}\"");
                let hint = "the presets are wordpress, drupal-jsonapi, strapi, album and rest; \
                            for the archive inside the program: altfill init embedded";
                return Err(Usage::new(message, hint).into());
            }
        };
        Ok(Discovered { kind, ..found })
    }

    /// Asks for what is missing.
    pub(super) fn plan(&self, found: &Discovered) -> anyhow::Result<Plan> {
        let base = found.base_url.clone();
        Ok(match &found.kind {
            Kind::WordPress(site) => {
                if let Some(page) = site.passwords.as_deref().filter(|page| !page.is_empty()) {
                    self.output
                        .say(&format!("application passwords are made at {page}"));
                }
                let account = self.account("WP_APP_PASSWORD", "the application password")?;
                Plan::WordPress {
                    base,
                    account,
                    site: site.clone(),
                }
            }
            Kind::Drupal(site) => {
                let account = self.account("DRUPAL_PASSWORD", "the account's password")?;
                Plan::Drupal {
                    base,
                    account,
                    site: site.clone(),
                }
            }
            Kind::Strapi => Plan::Strapi {
                base,
                token: self.token_place("STRAPI_TOKEN", "the API token")?,
            },
            Kind::Album => self.album(base)?,
            Kind::Unknown(guess) => {
                let token = self.token_place("SITE_TOKEN", "the API's token")?;
                let user = self.args.user.clone();
                Plan::Described(Described {
                    base,
                    token,
                    user,
                    guess: guess.clone(),
                })
            }
        })
    }

    fn album(&self, base: Url) -> anyhow::Result<Plan> {
        let token = self.token_place("SITE_TOKEN", "the site's token")?;
        let pixels = self.need(
            "--pixels",
            self.args.pixels.clone(),
            "Where are the images? A URL template, or a directory",
            Some("/files/cache/{album}/{name}-1280w.jpg"),
        )?;
        let manifest = self
            .args
            .manifest
            .as_ref()
            .map(|path| path.display().to_string());
        let manifest = if pixels.contains('{') {
            Some(self.need(
                "--manifest",
                manifest,
                "The file with one album/name a line",
                None,
            )?)
        } else {
            manifest
        };
        Ok(Plan::Album {
            base,
            token,
            manifest,
            pixels,
        })
    }

    fn account(&self, variable: &str, what: &str) -> anyhow::Result<Account> {
        let user = self.need("--user", self.args.user.clone(), "The account's name", None)?;
        let token = self.token_place(variable, what)?;
        Ok(Account { user, token })
    }

    fn token_place(&self, usual: &str, what: &str) -> anyhow::Result<Token> {
        if let Some(file) = &self.args.token_file {
            return Ok(Token::File(file.display().to_string()));
        }
        let question = format!("The variable that holds {what}");
        let name = self.need(
            "--token-env",
            self.args.token_env.clone(),
            &question,
            Some(usual),
        )?;
        let shape = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty()
            || !name.chars().all(shape)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            // It may be the token itself, so it is not repeated.
            let message = "--token-env: this is no name of a variable";
            let hint = "write a name such as SITE_TOKEN; the token itself goes into the \
                        environment or into .env, never into the settings";
            return Err(Usage::new(message, hint).into());
        }
        Ok(Token::Variable(name))
    }

    /// A flag's value, else an answer, else the usual one.
    fn need(
        &self,
        flag: &str,
        given: Option<String>,
        question: &str,
        usual: Option<&str>,
    ) -> anyhow::Result<String> {
        if let Some(given) = given {
            return Ok(given);
        }
        if self.output.is_answered() && !self.args.yes {
            return self.output.ask(question, usual);
        }
        let Some(usual) = usual else {
            let message = format!("{flag} is missing ({})", question.to_lowercase());
            let hint = format!("nobody is there to answer, so give {flag} on the command line");
            return Err(Usage::new(message, hint).into());
        };
        Ok(usual.to_owned())
    }
}

/// An address as people type it: without a scheme it is https.
pub(super) fn address(text: &str, base: Option<&Url>) -> anyhow::Result<Url> {
    let whole = match base {
        _ if text.contains("://") => Url::parse(text),
        Some(base) => base.join(text),
        None => Url::parse(&format!("https://{text}")),
    };
    let wrong = |why: String| {
        let message = format!("\"{text}\" is no address of a site: {why}");
        Usage::new(message, "write it like https://example.org")
    };
    let mut url = whole.map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("it must begin with https:// or http://".to_owned()).into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        let hint = "the name goes into --user, the password into a variable (--token-env)";
        return Err(Usage::new("the address holds a user name or a password", hint).into());
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_https() {
        assert_eq!(
            address("example.org", None).unwrap().as_str(),
            "https://example.org/"
        );
        assert_eq!(
            address("http://127.0.0.1:8080", None).unwrap().port(),
            Some(8080)
        );
        let base = Url::parse("https://example.org/cms").unwrap();
        assert_eq!(
            address("/api/x?page=1", Some(&base)).unwrap().as_str(),
            "https://example.org/api/x?page=1"
        );
        for bad in ["ftp://x", "https://", "https://me:secret@example.org"] {
            let error = address(bad, None).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
