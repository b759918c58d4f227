//! The secrets that an invocation knows, so that none of them is in anything
//! that it shows or keeps.

use super::{SecretUrl, Settings, SiteSettings};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;

/// Shorter ones are not looked for: they would be found in every other word,
/// and no service gives out such keys.
const SHORTEST: usize = 4;

/// What stands where a secret stood.
const MASK: &str = "***";

/// The site's token and the keys of all models.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// These secrets. Each is looked for as it is, as it stands inside JSON, as it
    /// stands in an address, and in base64, as servers repeat an `Authorization`
    /// header of the scheme `Basic`.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s SecretString>) -> Self {
        let mut forms: Vec<String> = Vec::new();
        for secret in secrets {
            let plain = secret.expose_secret().trim();
            if plain.len() < SHORTEST {
                continue;
            }
            let json = serde_json::to_string(plain).expect("text is JSON");
            let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            let percent =
                percent_encoding::utf8_percent_encode(plain, percent_encoding::NON_ALPHANUMERIC);
            forms.push(plain.to_owned());
            forms.push(json[1..json.len() - 1].to_owned());
            forms.push(encoded);
            forms.push(percent.to_string());
            forms.extend(in_a_query(plain));
            let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
            forms.extend(engines.map(|engine| engine.encode(plain)));
        }
        // As texts stand in a script of a page.
        let in_scripts: Vec<String> = forms
            .iter()
            .map(|form| {
                form.replace('&', "\\u0026")
                    .replace('<', "\\u003c")
                    .replace('>', "\\u003e")
            })
            .collect();
        forms.extend(in_scripts);
        // A secret that begins with another one has to go first.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        forms.dedup();
        Self(forms.into_iter().map(SecretString::from).collect())
    }

    /// A text without them.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.0 {
            if masked.contains(secret.expose_secret()) {
                masked = Cow::Owned(masked.replace(secret.expose_secret(), MASK));
            }
        }
        masked
    }
}

/// As an address has it that was read and is shown again.
fn in_a_query(plain: &str) -> Option<String> {
    let mut url = url::Url::parse("https://site.invalid/").ok()?;
    url.set_query(Some(plain));
    url.query().map(ToOwned::to_owned)
}

impl SiteSettings {
    /// The site's secrets: its token, and what Basic makes of it and the user.
    pub fn secrets(&self) -> Vec<SecretString> {
        let Some(token) = &self.token else {
            return Vec::new();
        };
        let user = self.user.as_ref();
        let pair = user.map(|user| format!("{user}:{}", token.expose_secret()).into());
        [token.clone()].into_iter().chain(pair).collect()
    }
}

impl Settings {
    /// Every secret that these settings hold.
    pub fn secrets(&self) -> Secrets {
        let keys = self
            .models
            .values()
            .filter_map(|entry| entry.api_key.as_ref());
        let notify = self.notify.as_ref();
        let urls = notify.into_iter().flat_map(|notify| notify.urls());
        let urls: Vec<SecretString> = urls.flat_map(SecretUrl::secrets).collect();
        let signs = notify.and_then(|notify| notify.webhook.as_ref());
        let signs = signs.map(|webhook| &webhook.key);
        Secrets::new(keys.chain(&self.site.secrets()).chain(&urls).chain(signs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form_it_travels_in() {
        let secrets = ["sk-a/b+c\"d", "sk-a", "abc", "t<o>k&en"]
            .map(|text| SecretString::from(text.to_owned()));
        let secrets = Secrets::new(&secrets);
        for (text, expected) in [
            ("plain sk-a/b+c\"d.", "plain ***."),
            (r#"{"key": "sk-a/b+c\"d"}"#, r#"{"key": "***"}"#),
            ("?key=sk%2Da%2Fb%2Bc%22d&x=1", "?key=***&x=1"),
            ("?key=sk-a%2Fb%2Bc%22d", "?key=***"),
            ("?key=sk-a/b+c%22d&x=1", "?key=***&x=1"),
            (r"?key=t\u003co\u003ek\u0026en", "?key=***"),
            ("?key=t%3Co%3Ek&en", "?key=***"),
            ("sk-a and abc", "*** and abc"),
            ("Basic c2stYS9iK2MiZA==", "Basic ***"),
            ("Basic c2stYS9iK2MiZA", "Basic ***"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(secrets.mask(text), expected);
        }
        assert!(!format!("{secrets:?}").contains("sk-a"));
    }
}
