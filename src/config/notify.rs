//! `[notify]`, checked: who is told that a run began and how it ended.

use super::addresses::{is_exposed, secret_file, secret_url};
use super::environment::Environment;
use super::error::{Problems, Remark};
use super::raw::{RawNotify, RawSecret};
use super::settings::{NotifySettings, PingMethod, SecretUrl, Webhook};
use super::source::is_variable_name;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeSet;
use std::path::Path;

/// Exit codes that `notify.success_codes` may name beside 0.
const CHOICE: [u64; 2] = [3, 4];

/// What the key of a webhook begins with where it is Base64, as the Standard
/// Webhooks have it.
const KEY_PREFIX: &str = "whsec_";

/// The shortest key of a webhook in bytes, as the Standard Webhooks have it.
const SHORTEST_KEY: usize = 24;

/// What the checked section consists of, and what its owner should know.
pub(super) struct Resolved {
    pub(super) settings: Option<NotifySettings>,
    pub(super) warnings: Vec<String>,
}

/// Checks `[notify]` and finds its secrets.
pub(super) fn resolve(
    raw: &RawNotify<'_>,
    environment: &Environment,
    directory: &Path,
    problems: &mut Problems,
) -> Resolved {
    let mut finder = Finder {
        environment,
        directory,
        problems,
    };
    let ping = finder.url(&raw.ping);
    let below = |part: &str| ping.as_ref().and_then(|ping| ping.below(part));
    let settings = NotifySettings {
        start: finder.url(&raw.start).or_else(|| below("start")),
        success: finder.url(&raw.success).or_else(|| ping.clone()),
        fail: finder.url(&raw.fail).or_else(|| below("fail")),
        method: finder.method(raw),
        webhook: finder.webhook(raw),
        success_codes: finder.codes(raw),
    };
    let urls = settings.urls();
    let exposed = urls.iter().filter(|url| is_exposed(url.url()));
    let warnings = exposed.map(|url| {
        format!(
            "notify.{} is plain http, so it crosses the network to {} unencrypted",
            url.key(),
            url.host()
        )
    });
    let warnings: BTreeSet<String> = warnings.collect();
    Resolved {
        warnings: warnings.into_iter().collect(),
        settings: (!urls.is_empty()).then_some(settings),
    }
}

struct Finder<'f> {
    environment: &'f Environment,
    directory: &'f Path,
    problems: &'f mut Problems,
}

impl Finder<'_> {
    /// The secret that a pair of keys names; `None` where neither is set, or a
    /// problem was noted.
    fn secret(&mut self, raw: &RawSecret<'_>) -> Option<SecretString> {
        match (&raw.variable, &raw.file) {
            (None, None) => None,
            (Some(variable), Some(file)) => {
                let what = format!("and {} are both set; keep one", variable.title());
                file.refuse(self.problems, what);
                None
            }
            (None, Some(file)) => match secret_file(&self.directory.join(&file.value)) {
                Ok(secret) => Some(secret),
                Err(what) => {
                    file.refuse(self.problems, format!("names {what}"));
                    None
                }
            },
            (Some(variable), None) => {
                let name = variable.value.as_str();
                match self.environment.secret(name) {
                    Ok(Some(found)) => return Some(found.text.trim().to_owned().into()),
                    Err(why) => variable.refuse(self.problems, format!("names {name}: {why}")),
                    // What is not shaped like a name may be the secret itself.
                    Ok(None) if !is_variable_name(name) => {
                        let what = "names no variable that is set";
                        let message = format!("{} {what}", variable.title());
                        let hint = "write the name of a variable there, such as \"PING_URL\", not \
                                    the address or key itself";
                        variable.remark(self.problems, Remark::new(message).hint(hint));
                    }
                    Ok(None) => {
                        let title = variable.title();
                        let message = format!("{title}: the variable {name} is not set or empty");
                        let hint = format!(
                            "set {name} in the environment, in .env or as a credential, or remove \
                             the line from [notify]"
                        );
                        variable.remark(self.problems, Remark::new(message).hint(hint));
                    }
                }
                None
            }
        }
    }

    fn url(&mut self, raw: &RawSecret<'_>) -> Option<SecretUrl> {
        let secret = self.secret(raw)?;
        match secret_url(secret.expose_secret()) {
            Ok(url) => Some(SecretUrl::new(raw.name, url)),
            Err(what) => {
                // The address is not quoted: whoever has it can ping.
                raw.refuse(self.problems, &format!("names an address that {what}"));
                None
            }
        }
    }

    fn method(&mut self, raw: &RawNotify<'_>) -> PingMethod {
        let Some(given) = &raw.ping_method else {
            return PingMethod::Post;
        };
        match given.value.as_str() {
            "POST" => PingMethod::Post,
            "GET" => PingMethod::Get,
            _ => {
                given.refuse(self.problems, "must be \"POST\" or \"GET\"");
                PingMethod::Post
            }
        }
    }

    fn webhook(&mut self, raw: &RawNotify<'_>) -> Option<Webhook> {
        let url = self.url(&raw.webhook);
        let key = self.secret(&raw.webhook_key);
        let Some(url) = url else {
            if raw.webhook.is_absent() && !raw.webhook_key.is_absent() {
                raw.webhook_key.refuse(
                    self.problems,
                    "is set, but no webhook that it could sign for",
                );
            }
            return None;
        };
        if raw.webhook_key.is_absent() {
            let message = "the webhook has no key to sign its messages with";
            let hint = "add webhook_key_env or webhook_key_file under [notify]; the receiver knows \
                        the same key";
            raw.webhook
                .remark(self.problems, Remark::new(message).hint(hint));
            return None;
        }
        let key = signing_key(key?.expose_secret());
        match key {
            Ok(key) => Some(Webhook { url, key }),
            Err(what) => {
                raw.webhook_key.refuse(self.problems, what);
                None
            }
        }
    }

    fn codes(&mut self, raw: &RawNotify<'_>) -> BTreeSet<u8> {
        let Some(given) = &raw.success_codes else {
            return BTreeSet::from([0, 3, 4]);
        };
        let mut codes = BTreeSet::from([0]);
        for code in given {
            match u8::try_from(code.value) {
                Ok(number) if number == 0 || CHOICE.contains(&code.value) => {
                    codes.insert(number);
                }
                _ => code.refuse(self.problems, "may name 0, 3 and 4 only"),
            }
        }
        codes
    }
}

/// The bytes of a webhook's key: Base64 after `whsec_`, else as it is.
fn signing_key(text: &str) -> Result<SecretString, &'static str> {
    let bytes = match text.strip_prefix(KEY_PREFIX) {
        Some(encoded) => BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| "names a key with `whsec_` in front that is no Base64")?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() < SHORTEST_KEY {
        return Err("names a key of less than 24 bytes, which is easily guessed");
    }
    // Kept as Base64, since a secret is text here.
    Ok(SecretString::from(BASE64_STANDARD.encode(bytes)))
}
