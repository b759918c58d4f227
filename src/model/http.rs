//! The one way in which requests reach a model over HTTP: one attempt, no
//! redirects, the whole reply or none, and no key in anything that is kept.

use super::{ModelError, bodies};
use crate::archive::{RawReply, Unanswered};
use crate::config::{ModelEntry, Secrets};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Once;
use std::time::{Duration, Instant};
use url::{Host, Url};

/// The longest reply that is read. A caption with all its token probabilities
/// stays far below.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

/// Several servers close idle connections after four or five seconds; a request
/// sent at that very moment would count as lost, and perhaps paid.
const LONGEST_IDLE: Duration = Duration::from_secs(3);

/// The time for name look-up, connection and TLS, within the entry's timeout.
const LONGEST_CONNECT: Duration = Duration::from_secs(15);

/// Headers kept beside those that begin with one of [`KEPT_PREFIXES`].
const KEPT: &[&str] = &[
    "content-type",
    "date",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "x-request-id",
    "request-id",
];
const KEPT_PREFIXES: &[&str] = &["x-ratelimit-", "anthropic-ratelimit-"];

/// How an API wants its key.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyStyle {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// A header of its own, with the bare key.
    Header(&'static str),
}

/// One API address with everything needed to post to it.
#[derive(Clone)]
pub(super) struct Endpoint {
    client: reqwest::Client,
    url: Url,
    headers: HeaderMap,
    /// Its key, which must not be in what is kept.
    secrets: Secrets,
    timeout: Duration,
    /// What a person can do when nothing answers.
    hint: String,
}

impl Endpoint {
    /// Builds the client for `url`. A key that `api_key_env` names must be
    /// there; an entry that names none is sent without.
    pub(super) fn new(entry: &ModelEntry, url: Url, style: KeyStyle) -> Result<Self, ModelError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let key = key(entry)?;
        if let Some(key) = &key {
            let (name, value) = match style {
                KeyStyle::Bearer => ("authorization", format!("Bearer {}", key.expose_secret())),
                KeyStyle::Header(name) => (name, key.expose_secret().to_owned()),
            };
            let mut value = HeaderValue::try_from(value).map_err(|_| ModelError::BadKey {
                model: entry.name.to_string(),
                variable: entry.api_key_env.clone().unwrap_or_default(),
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let timeout = entry.limits.timeout;
        let client = client(&url, entry).map_err(|source| ModelError::Client {
            model: entry.name.to_string(),
            source: source.without_url(),
        })?;
        Ok(Self {
            client,
            url,
            headers,
            secrets: Secrets::new(&key),
            timeout,
            hint: String::new(),
        })
    }

    /// Adds a header that every request carries.
    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Sets what a person is told when nothing answers at the address.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same for another call of this API, which may take another time.
    #[must_use]
    pub(super) fn at(&self, url: Url, timeout: Duration) -> Self {
        Self {
            url,
            timeout,
            ..self.clone()
        }
    }

    /// How long a call may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Posts one request, once, and reads the whole reply.
    pub(super) async fn post(&self, body: &Value) -> Result<RawReply, Unanswered> {
        bodies::request(|| bodies::http_request(&self.url, &self.headers, body)).await;
        let began = Instant::now();
        let reply = self.exchange(body).await;
        let outcome = match &reply {
            Ok(reply) => format!("HTTP {}, {} bytes", reply.status, reply.body.len()),
            Err(why) => why.to_string(),
        };
        let ms = began.elapsed().as_millis();
        tracing::debug!("POST {}: {outcome}, {ms} ms", shown(&self.url));
        if let Err(why) = &reply {
            bodies::replied(|| json!({"error": why.to_string()})).await;
        }
        reply
    }

    /// Gets it, once, and reads the whole reply: for what an API says of itself.
    pub(super) async fn get(&self) -> Result<RawReply, Unanswered> {
        self.receive(self.client.get(self.url.clone())).await
    }

    async fn exchange(&self, body: &Value) -> Result<RawReply, Unanswered> {
        let request = self.client.post(self.url.clone());
        self.receive(request.body(body.to_string())).await
    }

    async fn receive(&self, request: reqwest::RequestBuilder) -> Result<RawReply, Unanswered> {
        let request = request.headers(self.headers.clone()).timeout(self.timeout);
        let mut response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status().as_u16();
        let all_headers = response.headers().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if bytes.len() + chunk.len() > LONGEST_BODY {
                return Err(Unanswered::Lost(format!(
                    "the reply of {} (HTTP {status}) is longer than {} MB",
                    shown(&self.url),
                    LONGEST_BODY >> 20
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        // Some servers echo the key in an error; what is kept must not have it.
        let body = self
            .secrets
            .mask(&String::from_utf8_lossy(&bytes))
            .into_owned();
        bodies::replied(|| bodies::http_reply(status, &all_headers, &body)).await;
        Ok(RawReply {
            status,
            headers: kept(&all_headers, &self.secrets),
            body,
        })
    }

    fn failed(&self, error: reqwest::Error) -> Unanswered {
        let error = error.without_url();
        let place = shown(&self.url);
        // A failure to connect may itself be a timeout, so it is asked first.
        if error.is_connect() || error.is_builder() {
            let hint = if self.hint.is_empty() { "" } else { "; " };
            return Unanswered::NotSent(format!(
                "can't reach {place}: {}{hint}{}",
                cause(&error),
                self.hint
            ));
        }
        if error.is_timeout() {
            let seconds = self.timeout.as_secs_f64();
            return Unanswered::Lost(format!("no whole reply from {place} within {seconds} s"));
        }
        Unanswered::Lost(format!("the reply of {place} was lost: {}", cause(&error)))
    }
}

/// The key of an entry that needs one.
pub(super) fn key(entry: &ModelEntry) -> Result<Option<SecretString>, ModelError> {
    let given = entry.api_key.as_ref().map(|key| key.expose_secret().trim());
    match (given, &entry.api_key_env) {
        (Some(key), _) if !key.is_empty() => Ok(Some(key.to_owned().into())),
        (_, Some(variable)) => Err(ModelError::NoKey {
            model: entry.name.to_string(),
            variable: variable.clone(),
        }),
        _ => Ok(None),
    }
}

fn client(url: &Url, entry: &ModelEntry) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Somebody else may have installed one already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
    });
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("altfill/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(LONGEST_CONNECT.min(entry.limits.timeout))
        .pool_idle_timeout(LONGEST_IDLE)
        .tcp_keepalive(Duration::from_secs(30));
    if !may_use_proxy(url, entry.cloud) {
        builder = builder.no_proxy();
    }
    if is_this_machine(url) && url.scheme() == "http" {
        // No certificate will be looked at, and a machine without any
        // (a small container) would otherwise get no client at all.
        builder = builder.tls_certs_only([]);
    } else if let Some(authorities) = &entry.authorities {
        let certificates: reqwest::Result<Vec<_>> = authorities
            .ders()
            .map(reqwest::Certificate::from_der)
            .collect();
        builder = builder.tls_certs_merge(certificates?);
    }
    builder.build()
}

/// Whether requests may take the way through the system's proxy. What is called
/// local stays on the owner's machines. Over plain HTTP a proxy would read photo
/// and key; of HTTPS it sees no more than the host's name.
fn may_use_proxy(url: &Url, cloud: bool) -> bool {
    cloud && url.scheme() == "https" && !is_this_machine(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn kept(headers: &HeaderMap, secrets: &Secrets) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        })
        .filter_map(|(name, value)| {
            let value = secrets.mask(value.to_str().ok()?).into_owned();
            Some((name.to_string(), value))
        })
        .collect()
}

/// An address that may be shown: without credentials, query and fragment.
fn shown(url: &Url) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// The innermost cause: the outer ones only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;
    use crate::model::testing::entry;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const _: () = assert!(LONGEST_IDLE.as_secs() < 4);

    async fn listen() -> (TcpListener, Url) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://127.0.0.1:{}/v1/chat",
            listener.local_addr().unwrap().port()
        );
        (listener, Url::parse(&url).unwrap())
    }

    fn endpoint(url: Url) -> Endpoint {
        Endpoint::new(&entry(Provider::OpenAi), url, KeyStyle::Bearer).unwrap()
    }

    /// Reads one whole request: its head and as much body as it announces.
    async fn request(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "the client closed in the middle of a request");
            bytes.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                return String::from_utf8(bytes).unwrap();
            }
        }
    }

    async fn answer(listener: &TcpListener, reply: &str) -> (String, TcpStream) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request(&mut stream).await;
        stream.write_all(reply.as_bytes()).await.unwrap();
        (request, stream)
    }

    #[tokio::test]
    async fn one_request_is_posted_and_the_meaningful_headers_are_kept() {
        let (listener, url) = listen().await;
        let reply = "HTTP/1.1 429 Too Many\r\nContent-Length: 28\r\nContent-Type: application/json\r\n\
            Retry-After: 2\r\nX-RateLimit-Remaining-Tokens: 0\r\nSet-Cookie: a=b\r\n\
            Request-Id: r1\r\n\r\n{\"error\":\"key sk-secret no\"}";
        let endpoint = endpoint(url);
        let body = json!({"a": 1});
        let (got, (sent, _)) = tokio::join!(endpoint.post(&body), answer(&listener, reply));
        let got = got.unwrap();
        assert_eq!(got.status, 429);
        assert_eq!(got.body, r#"{"error":"key *** no"}"#);
        let names: Vec<_> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "content-type",
                "retry-after",
                "x-ratelimit-remaining-tokens",
                "request-id"
            ]
        );
        assert!(sent.starts_with("POST /v1/chat HTTP/1.1\r\n"), "{sent}");
        assert!(
            sent.contains("authorization: Bearer sk-secret\r\n"),
            "{sent}"
        );
        assert!(sent.ends_with("\r\n\r\n{\"a\":1}"), "{sent}");
    }

    #[tokio::test]
    async fn a_refused_connection_was_certainly_not_sent() {
        let (listener, mut url) = listen().await;
        drop(listener);
        url.set_query(Some("key=sk-secret"));
        url.set_password(Some("hidden")).unwrap();
        let error = endpoint(url)
            .hint("is it running?")
            .post(&json!({}))
            .await
            .unwrap_err();
        let Unanswered::NotSent(text) = &error else {
            panic!("{error:?}")
        };
        assert!(
            text.contains("refused") && text.ends_with("; is it running?"),
            "{text}"
        );
        assert!(
            !text.contains("secret") && !text.contains("hidden"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_was_certainly_not_sent() {
        let url = Url::parse("http://nowhere.invalid/").unwrap();
        let error = endpoint(url).post(&json!({})).await.unwrap_err();
        assert!(matches!(error, Unanswered::NotSent(_)), "{error:?}");
    }

    #[tokio::test]
    async fn failed_tls_was_certainly_not_sent() {
        let (listener, url) = listen().await;
        let url = Url::parse(&url.as_str().replace("http:", "https:")).unwrap();
        let endpoint = endpoint(url);
        let plain = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
            stream
        };
        let body = json!({});
        let (error, _stream) = tokio::join!(endpoint.post(&body), plain);
        let error = error.unwrap_err();
        assert!(matches!(error, Unanswered::NotSent(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_reply_that_never_comes_is_lost() {
        let (listener, url) = listen().await;
        let mut slow = entry(Provider::OpenAi);
        slow.limits.timeout = Duration::from_secs(3);
        let endpoint = Endpoint::new(&slow, url, KeyStyle::Bearer).unwrap();
        let body = json!({});
        let (error, _stream) = tokio::join!(endpoint.post(&body), answer(&listener, ""));
        let error = error.unwrap_err();
        let Unanswered::Lost(text) = &error else {
            panic!("{error:?}")
        };
        assert!(text.contains("within 3 s"), "{text}");
    }

    #[tokio::test]
    async fn a_cut_off_reply_is_lost() {
        for reply in [
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"choices\"",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cho",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "",
        ] {
            let (listener, url) = listen().await;
            let endpoint = endpoint(url);
            let cut = async { drop(answer(&listener, reply).await) };
            let body = json!({});
            let (error, ()) = tokio::join!(endpoint.post(&body), cut);
            let error = error.unwrap_err();
            assert!(matches!(error, Unanswered::Lost(_)), "{reply:?}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (elsewhere, target) = listen().await;
        let (listener, url) = listen().await;
        let endpoint = endpoint(url);
        let reply =
            format!("HTTP/1.1 308 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        let body = json!({});
        let (got, _) = tokio::join!(endpoint.post(&body), answer(&listener, &reply));
        assert_eq!(got.unwrap().status, 308);
        let visit = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
        assert!(visit.is_err(), "the redirect was followed");
    }

    #[tokio::test]
    async fn a_reply_without_end_is_given_up() {
        let (listener, url) = listen().await;
        let endpoint = endpoint(url);
        let flood = async {
            let (_, mut stream) = answer(&listener, "HTTP/1.1 200 OK\r\n\r\n").await;
            let flood = vec![b'x'; 65536];
            while stream.write_all(&flood).await.is_ok() {}
        };
        let body = json!({});
        let (error, ()) = tokio::join!(endpoint.post(&body), flood);
        let error = error.unwrap_err();
        assert!(error.to_string().contains("longer than 4 MB"), "{error:?}");
    }

    #[tokio::test]
    async fn a_connection_that_the_server_closed_while_idle_is_not_used_again() {
        let (listener, url) = listen().await;
        let endpoint = endpoint(url);
        let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let body = json!({});
        for _ in 0..3 {
            let post = async { endpoint.post(&body).await.expect("a fresh connection") };
            let (_, (_, stream)) = tokio::join!(post, answer(&listener, reply));
            drop(stream);
            // The end of the connection takes a moment to arrive.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test]
    async fn a_connection_is_used_again_where_the_server_keeps_it() {
        let (listener, url) = listen().await;
        let endpoint = endpoint(url);
        let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let body = json!({});
        let (got, (_, mut stream)) = tokio::join!(endpoint.post(&body), answer(&listener, reply));
        got.unwrap();
        let again = async {
            request(&mut stream).await;
            stream.write_all(reply.as_bytes()).await.unwrap();
        };
        let (got, ()) = tokio::join!(endpoint.post(&body), again);
        assert_eq!(got.unwrap().body, "{}");
    }

    #[test]
    fn a_missing_or_impossible_key_is_named_but_never_shown() {
        let url = Url::parse("http://127.0.0.1:1/").unwrap();
        let mut entry = entry(Provider::OpenAi);
        for (key, expected) in [
            (None, "TEST_KEY is not set"),
            (Some("  "), "TEST_KEY is not set"),
            (Some("sk-\nsecret"), "key in TEST_KEY contains"),
        ] {
            entry.api_key = key.map(|key| key.to_owned().into());
            let error = Endpoint::new(&entry, url.clone(), KeyStyle::Bearer)
                .err()
                .unwrap();
            let text = format!("{error} {error:?}");
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_used_for_tunnels_to_the_cloud_only() {
        for (url, cloud, expected) in [
            ("https://api.example.org/v1", true, true),
            ("http://api.example.org/v1", true, false),
            ("https://gpu.example.org/v1", false, false),
            ("https://localhost/v1", true, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(may_use_proxy(&url, cloud), expected, "{url}");
        }
    }

    #[test]
    fn only_this_machine_is_reached_past_a_proxy() {
        for (url, expected) in [
            ("http://127.0.0.1:1/", true),
            ("http://localhost/", true),
            ("http://[::1]/", true),
            ("http://192.168.1.5/", false),
            ("https://api.openai.com/", false),
            ("http://localhost.example.org/", false),
        ] {
            assert_eq!(
                is_this_machine(&Url::parse(url).unwrap()),
                expected,
                "{url}"
            );
        }
    }
}
