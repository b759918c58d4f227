//! How the credential is sent.

use super::super::address::{Encoding, Template};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;

/// How the credential is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Auth {
    #[serde(default)]
    scheme: Scheme,
    /// Of the scheme `header`: its name.
    header: Option<String>,
    /// Of the scheme `header`: its value, with `{token}`.
    value: Option<Template>,
    /// Of the scheme `query`: the name of the parameter.
    parameter: Option<String>,
    /// Whether requests for images on the site's own origin carry it too.
    #[serde(default)]
    pub(in super::super) images: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    /// `Authorization: Bearer TOKEN`.
    #[default]
    Bearer,
    /// User name and password, as RFC 7617 has them.
    Basic,
    /// A header of the site's own.
    Header,
    /// A parameter of the query.
    Query,
}

/// A credential, ready to be sent. `Debug` shows none of it.
#[derive(Clone)]
pub(in super::super) enum Credential {
    /// As a header.
    Header(HeaderName, HeaderValue),
    /// As a parameter of the query.
    Query(String, Arc<SecretString>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, _) => write!(f, "Credential({name})"),
            Self::Query(name, _) => write!(f, "Credential(?{name})"),
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            scheme: Scheme::Bearer,
            header: None,
            value: None,
            parameter: None,
            images: false,
        }
    }
}

impl Auth {
    /// Refuses keys that the scheme has no use for, and templates with other
    /// variables than the token.
    pub(super) fn check(&self) -> Result<(), String> {
        let given = [
            (
                "header",
                self.header.is_some(),
                self.scheme == Scheme::Header,
            ),
            ("value", self.value.is_some(), self.scheme == Scheme::Header),
            (
                "parameter",
                self.parameter.is_some(),
                self.scheme == Scheme::Query,
            ),
        ];
        for (key, is_given, is_used) in given {
            if is_given && !is_used {
                return Err(format!("{key} has no effect with this scheme"));
            }
        }
        if self.scheme == Scheme::Query && self.parameter.is_none() {
            return Err("parameter is missing: the name of the query's parameter".into());
        }
        match &self.value {
            Some(value) => {
                let checked = value.check(&["token"]);
                checked.map_err(|why| format!("value: {why}"))
            }
            None => Ok(()),
        }
    }

    /// What carries a token. A header's value is marked as sensitive, so that no
    /// log shows it.
    pub(in super::super) fn credential(
        &self,
        user: Option<&str>,
        token: &SecretString,
    ) -> Result<Credential, String> {
        let secret = token.expose_secret();
        let (name, text) = match self.scheme {
            Scheme::Query => {
                let name = self.parameter.clone().unwrap_or_default();
                return Ok(Credential::Query(name, Arc::new(token.clone())));
            }
            Scheme::Bearer => (AUTHORIZATION, format!("Bearer {secret}")),
            Scheme::Basic => {
                let pair = match user {
                    Some(user) => format!("{user}:{secret}"),
                    None if secret.contains(':') => secret.to_owned(),
                    None => {
                        return Err("is a password without a user name; set site.user".to_owned());
                    }
                };
                (AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
            }
            Scheme::Header => {
                let name = self.header.as_deref().unwrap_or("Authorization");
                let name = HeaderName::try_from(name)
                    .map_err(|_| "can't be sent: auth.header is no name of a header".to_owned())?;
                let value = self.value.as_ref().map(|value| {
                    value.render(Encoding::Plain, |name| (name == "token").then_some(secret))
                });
                (name, value.unwrap_or_else(|| secret.to_owned()))
            }
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| "has characters that no header can carry (a line break?)".to_owned())?;
        value.set_sensitive(true);
        Ok(Credential::Header(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header(auth: serde_json::Value, user: Option<&str>, token: &str) -> (String, String) {
        let auth: Auth = serde_json::from_value(auth).unwrap();
        auth.check().unwrap();
        match auth.credential(user, &token.to_owned().into()).unwrap() {
            Credential::Header(name, value) => {
                assert!(value.is_sensitive());
                (name.to_string(), value.to_str().unwrap().to_owned())
            }
            Credential::Query(..) => panic!("no header"),
        }
    }

    #[test]
    fn every_scheme_sends_the_token_in_its_own_way() {
        assert_eq!(header(json!({"scheme": "bearer"}), None, "t").1, "Bearer t");
        // RFC 7617's own example.
        let basic = header(json!({"scheme": "basic"}), Some("Aladdin"), "open sesame");
        assert_eq!(basic.1, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let pair = header(json!({"scheme": "basic"}), None, "Aladdin:open sesame");
        assert_eq!(pair, basic);
        let own = json!({"scheme": "header", "header": "X-Key", "value": "key={token}"});
        assert_eq!(header(own, None, "t"), ("x-key".into(), "key=t".into()));
        let bare = header(json!({"scheme": "header"}), None, "t");
        assert_eq!(bare, ("authorization".into(), "t".into()));
    }

    #[test]
    fn a_credential_shows_nothing_of_itself() {
        let auth: Auth =
            serde_json::from_value(json!({"scheme": "query", "parameter": "key"})).unwrap();
        let credential = auth.credential(None, &"s3cr3t".to_owned().into()).unwrap();
        assert_eq!(format!("{credential:?}"), "Credential(?key)");
    }

    #[test]
    fn keys_without_effect_are_refused() {
        for auth in [
            json!({"scheme": "bearer", "value": "x {token}"}),
            json!({"scheme": "basic", "parameter": "key"}),
            json!({"scheme": "query"}),
            json!({"scheme": "header", "value": "{key}"}),
        ] {
            let auth: Auth = serde_json::from_value(auth).unwrap();
            assert!(auth.check().is_err(), "{auth:?}");
        }
        let basic: Auth = serde_json::from_value(json!({"scheme": "basic"})).unwrap();
        assert!(basic.credential(None, &"secret".to_owned().into()).is_err());
    }
}
