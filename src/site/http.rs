//! Sending requests to a site: the client, the one retry loop, and the
//! sentences about what went wrong on the way. What an answer means is decided
//! elsewhere.

use super::SiteError;
use super::address::add_query;
use super::description::{Credential, Meaning};
use super::guard::{Guard, PrivateAddress};
use super::parcel::{Answer, Body, Parcel, Purpose, Shared, status_text};
use super::patience::{Health, Next, Patience, Setback, Target, Tries, Trouble};
use crate::archive::PhotoId;
use crate::config::Authorities;
use crate::policy::retry::{LONGEST_OBEYED_WAIT, retry_after};
use reqwest::header::{CONNECTION, CONTENT_LENGTH, HeaderMap};
use reqwest::{Client, Method, Response, StatusCode, Version};
use secrecy::ExposeSecret;
use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use url::{Host, Url};

const USER_AGENT: &str = concat!("altfill/", env!("CARGO_PKG_VERSION"));

/// Common servers close idle connections after five seconds and more; one that
/// is closed while we write to it costs a write of unknown outcome.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// A connection that takes longer than this is not to be had.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for a write, which is then not sent, and comes again after another
/// read.
const HURRIED_CONNECT: Duration = Duration::from_secs(3);

/// How long a write in flight is awaited once the run stops: inside the five
/// seconds in which a second signal has to end it.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// The wait after a first setback that nobody is told of.
const PASSING: Duration = Duration::from_secs(2);

/// As much of an error page as may be of interest.
const ERROR_PAGE: u64 = 64 * 1024;

/// Photos that are remembered as readable.
const PROOFS: usize = 3;

/// Sends requests of one kind (API or pixels), at the site's pace and with
/// patience.
///
/// An acquisition order is kept: the pace's gate, rate and permit for every
/// attempt, and none of them while waiting for the next one.
#[derive(Debug)]
pub(super) struct Courier {
    client: Client,
    /// For a write that needs a connection of its own, because the site closes
    /// them: what was read right before is old after a slow one.
    hurried: Client,
    /// Whether the site closed the connection of the last answer.
    closes: AtomicBool,
    shared: Arc<Shared>,
    health: Health,
    /// The same of the hosts that redirects lead to.
    elsewhere: Health,
    patience: Patience,
    /// Requests that worked lately, for different photos, the newest first.
    proofs: Mutex<VecDeque<Parcel>>,
    /// The setting that says where requests go, for advice.
    setting: &'static str,
}

/// Whether requests may take the way through the system's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// As the machine is set up.
    Proxied,
    /// Never: a proxy reads, and may change, whatever travels over plain HTTP, the
    /// token included. Of HTTPS it sees no more than the host's name.
    Direct,
}

impl Route {
    /// The way to a site's own address.
    pub(super) fn to(site: &Url) -> Self {
        if site.scheme() == "http" {
            Self::Direct
        } else {
            Self::Proxied
        }
    }
}

/// What the HTTP library takes for certificates of authorities.
fn certificates(authorities: &Authorities) -> Vec<reqwest::Certificate> {
    authorities
        .ders()
        .filter_map(|der| reqwest::Certificate::from_der(der).ok())
        .collect()
}

impl Courier {
    /// A courier whose requests start at `home`.
    pub(super) fn new(
        shared: Arc<Shared>,
        patience: Patience,
        (home, route): (&Url, Route),
        authorities: Option<&Authorities>,
        guard: Option<Guard>,
        setting: &'static str,
    ) -> Result<Self, SiteError> {
        // Building a client panics without a provider; a second installation
        // is refused and does no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |connect: Duration, guard: Option<Guard>| {
            let mut builder = Client::builder()
                .user_agent(USER_AGENT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .pool_idle_timeout(IDLE_CONNECTION)
                .connect_timeout(connect.min(patience.timeout / 2));
            if is_loopback(home) || route == Route::Direct {
                // No proxy can reach this machine's own loopback address.
                builder = builder.no_proxy();
            }
            if let Some(authorities) = authorities {
                builder = builder.tls_certs_merge(certificates(authorities));
            }
            if let Some(guard) = guard {
                builder = builder.dns_resolver(guard);
            }
            let built = builder.build();
            built.map_err(|error| SiteError::Settings(format!("no HTTP client: {}", root(&error))))
        };
        Ok(Self {
            client: client(CONNECT_TIMEOUT, guard.clone())?,
            hurried: client(HURRIED_CONNECT, guard)?,
            closes: AtomicBool::new(false),
            shared,
            health: Health::default(),
            elsewhere: Health::default(),
            patience,
            proofs: Mutex::default(),
            setting,
        })
    }

    /// Sends a request until it has an answer, or until there is no point.
    pub(super) async fn exchange(&self, parcel: &Parcel) -> Result<Answer, SiteError> {
        let mut tries = Tries::default();
        loop {
            self.health(parcel).sends(&mut tries);
            let trouble = match self.attempt(parcel).await? {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let next = self.health(parcel).setback(
                (&parcel.photo, parcel.target),
                &mut tries,
                &trouble,
                self.patience,
                fastrand::f64(),
            );
            let text = &trouble.text;
            if parcel.purpose == Purpose::Write && trouble.setback == Setback::Failed {
                // A request that may have arrived is never sent twice.
                return Err(SiteError::OutcomeUnknown(format!("{parcel}: {text}")));
            }
            if tries.grow_long() {
                tracing::warn!("{parcel}: {text}; still trying");
            } else {
                tracing::debug!(try_no = tries.count(), ?next, "after {text}");
            }
            let wait = match next {
                Next::Wait(wait) | Next::Probe(wait) if parcel.purpose == Purpose::Write => {
                    // What was read right before is old after any wait. The
                    // gate holds the read that has to come first.
                    self.shared.pace.pause(wait, text);
                    self.tell(&tries, wait, text);
                    return Err(SiteError::NotSent(format!("{parcel}: {text}")));
                }
                Next::Wait(wait) => wait,
                Next::Probe(wait) => {
                    if self.site_works(&parcel.photo).await? {
                        return Err(photo_alone(parcel, text, &tries));
                    }
                    wait
                }
                Next::Photo => return Err(photo_alone(parcel, text, &tries)),
                Next::Outage => return Err(self.outage(parcel, &trouble)),
                Next::Settings => {
                    return Err(SiteError::Settings(format!(
                        "could not reach {}: {text}; check {}",
                        parcel.url.origin().ascii_serialization(),
                        self.setting
                    )));
                }
            };
            self.tell(&tries, wait, text);
            if trouble.setback == Setback::Throttled {
                // The gate holds everybody, this request included.
                self.shared.pace.pause(wait, text);
            } else {
                self.sleep(wait).await?;
            }
        }
    }

    /// Whether anything ever came back from the site itself.
    pub(super) fn reached(&self) -> bool {
        self.health.was_reached()
    }

    /// Tells whoever watches that the site is waited for. A single setback that
    /// is over in a moment is not worth a word.
    fn tell(&self, tries: &Tries, wait: Duration, why: &str) {
        if tries.count() > 1 || wait > PASSING {
            self.shared.waits(wait, why);
        }
    }

    /// Remembers a request that worked, so that trouble with another photo can
    /// be told from trouble with the site or the credentials.
    pub(super) fn remember(&self, proof: &Parcel) {
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.retain(|known| known.photo != proof.photo);
        proofs.push_front(proof.clone());
        proofs.truncate(PROOFS);
    }

    /// Requests for other photos that worked lately.
    pub(super) fn proofs(&self, except: &PhotoId) -> Vec<Parcel> {
        let proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        let others = proofs.iter().filter(|proof| proof.photo != *except);
        others.cloned().collect()
    }

    fn health(&self, parcel: &Parcel) -> &Health {
        match parcel.target {
            Target::Configured => &self.health,
            Target::Redirected => &self.elsewhere,
        }
    }

    /// Whether a request that worked before works now.
    async fn site_works(&self, except: &PhotoId) -> Result<bool, SiteError> {
        let Some(proof) = self.proofs(except).into_iter().next() else {
            return Ok(false);
        };
        let Err(trouble) = self.attempt(&proof).await? else {
            return Ok(true);
        };
        let place = (&proof.photo, proof.target);
        self.health
            .setback(place, &mut Tries::default(), &trouble, self.patience, 1.0);
        Ok(false)
    }

    /// One attempt, from the wait for its turn to the end of the answer's body.
    async fn attempt(&self, parcel: &Parcel) -> Result<Result<Answer, Trouble>, SiteError> {
        let stop = &self.shared.stop;
        let pace = &self.shared.pace;
        if stop.is_cancelled() {
            return Err(SiteError::Cancelled);
        }
        let _permit = if parcel.purpose == Purpose::Write {
            // A write goes right after its read: its turn is taken on credit,
            // and the requests after it wait the longer.
            pace.enter_now().map_err(|pause| {
                let why = format!("{parcel}: held back by the site's limits ({})", pause.why);
                SiteError::NotSent(why)
            })?
        } else {
            let turn = stop.run_until_cancelled(pace.enter(0)).await;
            turn.ok_or(SiteError::Cancelled)?
        };
        if stop.is_cancelled() {
            return Err(SiteError::Cancelled);
        }
        let began = Instant::now();
        let result = if parcel.purpose == Purpose::Write {
            self.send_to_the_end(parcel).await
        } else {
            stop.run_until_cancelled(self.send(parcel))
                .await
                .ok_or(SiteError::Cancelled)?
        };
        let outcome = match &result {
            Ok(answer) => status_text(answer.status),
            Err(trouble) => trouble.text.clone(),
        };
        tracing::debug!("{parcel}: {outcome}, {} ms", began.elapsed().as_millis());
        match &result {
            Ok(_) => {
                self.health(parcel).answered();
                self.shared.answered();
                pace.succeeded(0, None);
            }
            Err(trouble) => {
                if trouble.setback == Setback::Throttled || trouble.wait.is_some() {
                    pace.slow_down();
                }
                // A gate that is closed for hours would hold the requests that
                // are to find out that there is no point.
                if let Some(wait) = trouble.wait.filter(|wait| *wait <= LONGEST_OBEYED_WAIT) {
                    pace.pause(wait, &trouble.text);
                }
            }
        }
        Ok(result)
    }

    /// Sends a write. A run that stops gives it a last chance to be answered,
    /// because its outcome would be unknown otherwise.
    async fn send_to_the_end(&self, parcel: &Parcel) -> Result<Answer, Trouble> {
        let mut sending = pin!(self.send(parcel));
        let given_up = async {
            self.shared.stop.cancelled().await;
            tokio::time::sleep(LAST_WRITE).await;
        };
        tokio::select! {
            biased;
            result = &mut sending => result,
            () = given_up => Err(Trouble {
                setback: Setback::Failed,
                wait: None,
                text: "the run stopped before the site answered".to_owned(),
            }),
        }
    }

    async fn send(&self, parcel: &Parcel) -> Result<Answer, Trouble> {
        let hurries = parcel.purpose == Purpose::Write && self.closes.load(Ordering::Relaxed);
        let client = if hurries { &self.hurried } else { &self.client };
        let mut url = parcel.url.clone();
        if let Some(Credential::Query(name, secret)) = &parcel.credential {
            let pair = (name.as_str(), secret.expose_secret().to_owned());
            add_query(&mut url, std::iter::once(pair));
        }
        let mut request = client
            .request(parcel.method.clone(), url)
            .headers(parcel.headers.clone())
            .timeout(self.patience.timeout);
        if let Some(Credential::Header(name, value)) = &parcel.credential {
            request = request.header(name.clone(), value.clone());
        }
        if let Some(body) = &parcel.body {
            request = request.body(body.clone());
        }
        let sent = request.send().await;
        if sent.as_ref().err().is_none_or(|error| !error.is_connect()) {
            self.count(parcel.purpose);
        }
        let response = sent.map_err(|error| self.trouble(&error))?;
        self.health(parcel).reached();
        self.closes.store(closes(&response), Ordering::Relaxed);
        if let Some(setback) = setback(response.status()) {
            return Err(Trouble {
                setback,
                wait: asked_wait(response.headers()),
                text: status_text(response.status()),
            });
        }
        let answer = self.receive(parcel, response).await?;
        if asks_again(parcel, &answer) {
            return Err(Trouble {
                setback: Setback::Failed,
                wait: None,
                text: format!("{}, to be asked again", status_text(answer.status)),
            });
        }
        Ok(answer)
    }

    async fn receive(&self, parcel: &Parcel, mut response: Response) -> Result<Answer, Trouble> {
        let status = response.status();
        let headers = response.headers().clone();
        let most = if status.is_success() {
            parcel.most
        } else {
            parcel.most.min(ERROR_PAGE)
        };
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let mut body = Body::Whole(Vec::new());
        if parcel.method != Method::HEAD && announced.is_some_and(|length| length > most) {
            body = Body::TooLarge;
        }
        while let Body::Whole(bytes) = &mut body {
            match response.chunk().await {
                Ok(Some(chunk)) if (bytes.len() + chunk.len()) as u64 > most => {
                    body = Body::TooLarge;
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                // An error is an error, however much of its page arrives.
                Err(_) if !status.is_success() => break,
                Err(error) => {
                    let trouble = self.trouble(&error);
                    return Err(Trouble {
                        text: format!("the answer broke off: {}", trouble.text),
                        ..trouble
                    });
                }
            }
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    fn count(&self, purpose: Purpose) {
        let counter = match purpose {
            Purpose::Read => &self.shared.reads,
            Purpose::Write => &self.shared.writes,
            Purpose::Pixels => &self.shared.pixels,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        let mut setback = if error.is_connect() {
            Setback::Unreachable
        } else {
            Setback::Failed
        };
        let text = if let Some(private) = cause::<PrivateAddress>(error) {
            setback = Setback::Barred;
            private.to_string()
        } else if error.is_dns() {
            format!("its host name is unknown ({})", root(error))
        } else if error.is_timeout() && setback == Setback::Unreachable {
            "no connection in time".to_owned()
        } else if error.is_timeout() {
            format!("no whole answer within {:?}", self.patience.timeout)
        } else {
            match cause::<io::Error>(error).map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
                Some(io::ErrorKind::ConnectionReset) => "the connection was reset".to_owned(),
                _ => root(error),
            }
        };
        Trouble {
            setback,
            wait: None,
            text,
        }
    }

    fn outage(&self, parcel: &Parcel, trouble: &Trouble) -> SiteError {
        let text = &trouble.text;
        let host = parcel.url.origin().ascii_serialization();
        SiteError::Outage(match trouble.wait {
            Some(wait) if wait > LONGEST_OBEYED_WAIT => {
                format!("{host} asks to wait {} s ({text})", wait.as_secs())
            }
            _ => format!(
                "{host} has been failing for {} s (last: {text}, {parcel})",
                self.patience.outage.as_secs()
            ),
        })
    }

    async fn sleep(&self, wait: Duration) -> Result<(), SiteError> {
        let stop = &self.shared.stop;
        stop.run_until_cancelled(tokio::time::sleep(wait))
            .await
            .ok_or(SiteError::Cancelled)
    }
}

/// What a request says that got its tries and has nobody else to blame.
fn photo_alone(parcel: &Parcel, text: &str, tries: &Tries) -> SiteError {
    SiteError::Photo(match tries.count() {
        1 => format!("{parcel}: {text}"),
        count => format!("{parcel}: {text} (tried {count} times)"),
    })
}

/// Whether the description says of an answer that it is to be asked for again.
fn asks_again(parcel: &Parcel, answer: &Answer) -> bool {
    let described = parcel.description.as_ref();
    let Some(errors) = described.map(|description| &description.errors) else {
        return false;
    };
    errors.may_ask_again() && {
        let body = serde_json::from_slice(answer.bytes()).ok();
        errors.meaning(answer.status.as_u16(), body.as_ref()) == Meaning::Retry
    }
}

/// Whether an answer with this status is worth asking for again.
fn setback(status: StatusCode) -> Option<Setback> {
    match status.as_u16() {
        429 => Some(Setback::Throttled),
        // Not implemented, version not supported, loop, network login: asking
        // again changes nothing.
        501 | 505 | 508 | 510 | 511 => None,
        408 | 425 | 500..=599 => Some(Setback::Failed),
        _ => None,
    }
}

fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    // A past date, and a zero, ask for no wait; our own backoff is kinder.
    retry_after(header, SystemTime::now()).filter(|wait| !wait.is_zero())
}

/// The innermost reason of an error, which says most and holds no URL.
fn root(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    match inner.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => inner.to_string(),
    }
}

fn cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(found) = inner.downcast_ref::<E>() {
            return Some(found);
        }
        source = inner.source();
    }
    None
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether the connection of this answer is not to be used again (RFC 9112,
/// section 9.3).
fn closes(response: &Response) -> bool {
    let said = response.headers().get(CONNECTION);
    let said = said
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let says = |word: &str| {
        let mut words = said.split(',').map(str::trim);
        words.any(|given| given.eq_ignore_ascii_case(word))
    };
    says("close") || (response.version() == Version::HTTP_10 && !says("keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_an_answer_or_a_setback() {
        for code in 200..600 {
            let expected = match code {
                429 => Some(Setback::Throttled),
                501 | 505 | 508 | 510 | 511 => None,
                408 | 425 | 500.. => Some(Setback::Failed),
                _ => None,
            };
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(setback(status), expected, "{code}");
        }
    }

    #[test]
    fn loopback_is_never_asked_through_a_proxy() {
        let at = |url| is_loopback(&Url::parse(url).unwrap());
        for url in ["http://127.0.0.1:80", "http://[::1]/", "http://localhost:9"] {
            assert!(at(url), "{url}");
        }
        for url in ["http://127.0.0.1.example.org", "http://10.0.0.1"] {
            assert!(!at(url), "{url}");
        }
    }
}
