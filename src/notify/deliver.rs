//! One notification on its way: a few tries, no redirects.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use std::time::Duration;
use url::{Host, Url};

/// Tries of one notification.
const TRIES: u32 = 3;

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The wait before the second try; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

const USER_AGENT: &str = concat!("altfill/", env!("CARGO_PKG_VERSION"));

/// What is sent, and to whom.
#[derive(Debug)]
pub(super) struct Letter {
    /// For messages; the address itself is a secret.
    pub(super) whom: String,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Its media type, and the text. Without one it is fetched.
    pub(super) body: Option<(&'static str, String)>,
}

/// How long to wait before another try: its number, first wait, longest wait,
/// jitter from 0 to 1.
type Backoff = fn(u32, Duration, Duration, f64) -> Duration;

/// Sends a letter until it is taken, or until there is no point. `Err` says why
/// it was not taken, without the address.
pub(super) async fn deliver(letter: &Letter, backoff: Backoff) -> Result<(), String> {
    let client = client(&letter.url)?;
    let mut tries = 1;
    loop {
        match attempt(&client, letter).await {
            Ok(()) => return Ok(()),
            Err(Refused { why, for_good }) if for_good || tries == TRIES => {
                return Err(match tries {
                    1 => why,
                    tries => format!("{why} (tried {tries} times)"),
                });
            }
            Err(_) => {
                let wait = backoff(tries, FIRST_WAIT, LONGEST_WAIT, fastrand::f64());
                tokio::time::sleep(wait).await;
                tries += 1;
            }
        }
    }
}

/// Why a try was not taken.
struct Refused {
    why: String,
    /// Trying again changes nothing.
    for_good: bool,
}

async fn attempt(client: &Client, letter: &Letter) -> Result<(), Refused> {
    let mut request = match &letter.body {
        Some((kind, text)) => client
            .post(letter.url.clone())
            .header(CONTENT_TYPE, *kind)
            .body(text.clone()),
        None => client.get(letter.url.clone()),
    };
    for (name, value) in &letter.headers {
        request = request.header(*name, value);
    }
    let status = match request.send().await {
        Ok(response) => response.status(),
        Err(error) => {
            let why = unanswered(error);
            return Err(Refused {
                why,
                for_good: false,
            });
        }
    };
    judge(status)
}

fn judge(status: StatusCode) -> Result<(), Refused> {
    if status.is_success() {
        return Ok(());
    }
    let words = status.canonical_reason().unwrap_or_default();
    let told = format!("it answers {} {words}", status.as_u16())
        .trim_end()
        .to_owned();
    if status.is_redirection() {
        return Err(Refused {
            why: format!("{told}, and redirects are not followed; use the address it leads to"),
            for_good: true,
        });
    }
    let again = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(Refused {
        why: told,
        for_good: !again,
    })
}

/// The innermost reason, which has no address in it.
fn unanswered(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {TIMEOUT:?}");
    }
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn client(url: &Url) -> Result<Client, String> {
    // Building a client panics without a provider; a second installation is
    // refused and does no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .timeout(TIMEOUT);
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if here {
        // No proxy can reach this machine's own loopback address.
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| format!("no HTTP client: {}", error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, taken, again) in [
            (200, true, false),
            (204, true, false),
            (301, false, false),
            (307, false, false),
            (400, false, false),
            (404, false, false),
            (408, false, true),
            (429, false, true),
            (500, false, true),
            (503, false, true),
        ] {
            let status = StatusCode::from_u16(code).expect("a status");
            let judged = judge(status);
            assert_eq!(judged.is_ok(), taken, "{code}");
            if let Err(refused) = judged {
                assert_eq!(!refused.for_good, again, "{code}");
                assert!(refused.why.contains(&code.to_string()), "{}", refused.why);
            }
        }
    }

    #[test]
    fn all_tries_fit_into_the_patience() {
        let waits = (1..TRIES).map(|tries| FIRST_WAIT * 2_u32.pow(tries - 1));
        let longest = TIMEOUT * TRIES + waits.sum::<Duration>();
        assert!(longest < super::super::PATIENCE, "{longest:?}");
    }
}
