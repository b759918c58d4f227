//! Getting pages of a site that is not known yet: without credentials unless a
//! person named the page, with few redirects, little patience and little memory.

use super::shown;
use base64::Engine as _;
use reqwest::header::{ACCEPT, HeaderMap, LOCATION};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::error::Error as _;
use std::time::Duration;
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(8);

/// Bytes that are read of a page: a list of some hundred photos.
const LARGEST: usize = 8 * 1024 * 1024;

/// How often a page may lead to another.
const REDIRECTS: usize = 5;

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Where it came from, redirects followed.
    pub(super) url: Url,
    pub(super) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Page {
    pub(super) fn json(&self) -> Option<Value> {
        let bytes = self
            .body
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&self.body);
        let value: Value = serde_json::from_slice(bytes).ok()?;
        (value.is_object() || value.is_array()).then_some(value)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header that may come several times.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }

    pub(super) fn number(&self, header: &str) -> Option<u64> {
        self.header(header)?.trim().parse().ok()
    }

    #[cfg(test)]
    pub(super) fn example(url: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = reqwest::header::HeaderName::try_from(*name).unwrap();
            map.append(name, value.parse().unwrap());
        }
        Self {
            url: Url::parse(url).unwrap(),
            status: 200,
            headers: map,
            body: body.as_bytes().to_vec(),
        }
    }
}

/// Gets pages.
pub(super) struct Fetcher {
    client: Client,
    here: Client,
}

impl Fetcher {
    pub(super) fn new() -> Result<Self, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .user_agent(concat!("altfill/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .timeout(TIMEOUT)
                .connect_timeout(CONNECT)
        };
        let failed = |error: reqwest::Error| format!("no HTTP client: {error}");
        Ok(Self {
            client: builder().build().map_err(failed)?,
            // No proxy can reach this machine's own loopback address.
            here: builder().no_proxy().build().map_err(failed)?,
        })
    }

    /// Gets a page. A credential goes to the page's own origin and is not taken
    /// along to another.
    pub(super) async fn get(
        &self,
        url: &Url,
        credential: Option<(Option<&str>, &SecretString)>,
    ) -> Result<Page, String> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let here = match at.host_str() {
                Some(host) => host == "localhost" || host.starts_with("127.") || host == "[::1]",
                None => return Err(format!("{} names no host", shown(&at))),
            };
            let client = if here { &self.here } else { &self.client };
            let mut request = client
                .get(at.clone())
                .header(ACCEPT, "application/json, text/html;q=0.9, */*;q=0.5");
            if let Some((user, token)) = credential.filter(|_| at.origin() == url.origin()) {
                let token = token.expose_secret();
                request = match user {
                    Some(user) => {
                        let pair = format!("{user}:{token}");
                        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                        request.header("authorization", format!("Basic {pair}"))
                    }
                    None => request.header("authorization", format!("Bearer {token}")),
                };
            }
            let response = request.send().await.map_err(|error| why(&at, &error))?;
            match next(&at, &response) {
                Some(there) => at = there,
                None => return receive(at, response).await,
            }
        }
        Err(format!(
            "{} leads from one address to the next without an end",
            shown(url)
        ))
    }
}

/// Where a redirect leads; other schemes than HTTP are no place to go.
fn next(at: &Url, response: &Response) -> Option<Url> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    let url = at.join(location.to_str().ok()?).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

async fn receive(url: Url, mut response: Response) -> Result<Page, String> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&url, &error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(format!(
                "{} is larger than {} MB",
                shown(&url),
                LARGEST >> 20
            ));
        }
    }
    Ok(Page {
        url,
        status,
        headers,
        body,
    })
}

fn why(url: &Url, error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let place = shown(url);
    if error.is_timeout() {
        return format!("{place} does not answer in time");
    }
    let kind = inner
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    if kind == Some(std::io::ErrorKind::ConnectionRefused) {
        return format!("nothing listens at {place} (connection refused)");
    }
    let reason = match error.source() {
        Some(_) => inner.to_string(),
        None => "the request failed".to_owned(),
    };
    format!("{place} can't be reached: {reason}")
}
