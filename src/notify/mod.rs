//! Telling others that an unattended run began and how it ended: pings for
//! services that miss them, and a signed JSON message for whoever wants the
//! numbers. All HTTP of that kind.
//!
//! A notification is a courtesy. It takes a few tries, the end of a run waits for
//! it no longer than [`GRACE`] and [`PATIENCE`], and whatever becomes of it, the
//! run's outcome stays what it is.

mod deliver;
mod sign;

use crate::config::{NotifySettings, PingMethod, SecretUrl};
use crate::policy::retry;
use deliver::{Letter, deliver};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the notifications of a run's end may hold it up.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// How long one of its start, if it is still on its way then.
pub const GRACE: Duration = Duration::from_millis(1500);

/// Characters of a ping's body. Services keep the first ten thousand or so.
const LONGEST_BODY: usize = 2_000;

/// Whom to tell, and how.
#[derive(Clone, Debug)]
pub struct Notifier {
    settings: NotifySettings,
    /// Cancelled when nobody may wait any more.
    stop: CancellationToken,
}

/// How a run ended, as others are told.
#[derive(Debug)]
pub struct News<'n> {
    /// Its exit code.
    pub exit_code: u8,
    /// A sentence or a few lines for people.
    pub words: &'n str,
    /// Unique for this message, the same in each try.
    pub id: &'n str,
    /// When it ended, as RFC 3339.
    pub time: &'n str,
    /// What the message carries: the summary and more.
    pub data: &'n Value,
}

/// One that could not be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{whom}: {why}")]
pub struct Undelivered {
    /// The key of `[notify]`, and the host.
    pub whom: String,
    /// What went wrong.
    pub why: String,
}

/// What came of trying one.
#[derive(Debug)]
pub struct Tried {
    /// The key of `[notify]` and the host.
    pub whom: String,
    /// What was sent.
    pub what: &'static str,
    /// `Err` says why it was not taken.
    pub result: Result<(), String>,
}

impl Notifier {
    /// Tells whom these settings name. Every wait ends when `stop` is cancelled.
    pub fn new(settings: NotifySettings, stop: CancellationToken) -> Self {
        Self { settings, stop }
    }

    /// Whether an exit code counts as success.
    pub fn is_success(&self, exit_code: u8) -> bool {
        self.settings.success_codes.contains(&exit_code)
    }

    /// A run has begun.
    pub async fn started(&self, words: &str) -> Vec<Undelivered> {
        self.all(
            self.settings
                .start
                .iter()
                .map(|url| self.ping(url, words))
                .collect(),
        )
        .await
    }

    /// A run has ended, or could not begin.
    pub async fn ended(&self, news: &News<'_>) -> Vec<Undelivered> {
        let success = self.is_success(news.exit_code);
        let ping = if success {
            &self.settings.success
        } else {
            &self.settings.fail
        };
        let mut letters: Vec<Letter> = ping.iter().map(|url| self.ping(url, news.words)).collect();
        let kind = if success {
            "altfill.run.succeeded"
        } else {
            "altfill.run.failed"
        };
        letters.extend(self.message(kind, news));
        self.all(letters).await
    }

    /// Tries everybody without alarming anybody: start, then success, and a test
    /// message. The address for failures is tried only by a failure.
    pub async fn check(&self, news: &News<'_>) -> Vec<Tried> {
        let mut letters = Vec::new();
        let start = self.settings.start.iter().map(|url| ("a start", url));
        let success = self.settings.success.iter().map(|url| ("a success", url));
        for (what, url) in start.chain(success) {
            letters.push((what, self.ping(url, news.words)));
        }
        let message = self.message("altfill.test", news);
        letters.extend(message.map(|letter| ("a signed test message", letter)));
        let mut tried = Vec::new();
        for (what, letter) in letters {
            let whom = letter.whom.clone();
            let result = self
                .one(letter)
                .await
                .map_err(|undelivered| undelivered.why);
            tried.push(Tried { whom, what, result });
        }
        tried
    }

    fn ping(&self, url: &SecretUrl, words: &str) -> Letter {
        let short: String = words.chars().take(LONGEST_BODY).collect();
        Letter {
            whom: whom(url),
            url: url.url().clone(),
            headers: Vec::new(),
            body: match self.settings.method {
                PingMethod::Post => Some(("text/plain; charset=utf-8", short)),
                PingMethod::Get => None,
            },
        }
    }

    fn message(&self, kind: &str, news: &News<'_>) -> Option<Letter> {
        let webhook = self.settings.webhook.as_ref()?;
        let body = json!({"type": kind, "timestamp": news.time, "data": news.data}).to_string();
        let seconds = crate::archive::Moment::now().0 / 1000;
        let signature = sign::signature(news.id, seconds, &body, &webhook.key);
        Some(Letter {
            whom: whom(&webhook.url),
            url: webhook.url.url().clone(),
            headers: vec![
                ("webhook-id", news.id.to_owned()),
                ("webhook-timestamp", seconds.to_string()),
                ("webhook-signature", signature),
            ],
            body: Some(("application/json", body)),
        })
    }

    async fn all(&self, letters: Vec<Letter>) -> Vec<Undelivered> {
        let sent = letters.into_iter().map(|letter| self.one(letter));
        let results = futures_util::future::join_all(sent).await;
        results.into_iter().filter_map(Result::err).collect()
    }

    async fn one(&self, letter: Letter) -> Result<(), Undelivered> {
        let whom = letter.whom.clone();
        let told = tokio::time::timeout(PATIENCE, deliver(&letter, retry::backoff));
        let why = match self.stop.run_until_cancelled(told).await {
            Some(Ok(Ok(()))) => return Ok(()),
            Some(Ok(Err(why))) => why,
            Some(Err(_)) => format!("no answer within {} s", PATIENCE.as_secs()),
            None => "altfill was told to end".to_owned(),
        };
        Err(Undelivered { whom, why })
    }
}

/// The key and the host: an address as a whole is a secret.
fn whom(url: &SecretUrl) -> String {
    format!("notify.{} ({})", url.key(), url.host())
}
