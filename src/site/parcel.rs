//! Requests and answers, and what all requests to a site share.

use super::address::shown;
use super::description::{Credential, Description};
use super::patience::Target;
use super::{Hardship, Traffic};
use crate::archive::PhotoId;
use crate::pace::Pace;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, StatusCode};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

/// What all requests to a site share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pace: Pace,
    pub(super) stop: CancellationToken,
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) pixels: AtomicU64,
    hardship: watch::Sender<Option<Hardship>>,
}

impl Shared {
    pub(super) fn new(pace: Pace, stop: CancellationToken) -> Self {
        Self {
            pace,
            stop,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            pixels: AtomicU64::new(0),
            hardship: watch::Sender::new(None),
        }
    }

    /// The site is waited for.
    pub(super) fn waits(&self, wait: Duration, why: &str) {
        let why = why.to_owned();
        self.hardship.send_replace(Some(Hardship { wait, why }));
    }

    /// It gave a usable answer.
    pub(super) fn answered(&self) {
        self.hardship
            .send_if_modified(|known| known.take().is_some());
    }

    pub(super) fn hardship(&self) -> watch::Receiver<Option<Hardship>> {
        self.hardship.subscribe()
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            pixels: self.pixels.load(Ordering::Relaxed),
        }
    }
}

/// What a request is for: how it is counted, and whether it may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Shows something; may be repeated.
    Read,
    /// Changes something; repeated only if it certainly was not executed.
    Write,
    /// Fetches an image or its headers; may be repeated.
    Pixels,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The photo it is about; or another name for what it is about, in words.
    pub(super) photo: PhotoId,
    pub(super) purpose: Purpose,
    pub(super) target: Target,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) credential: Option<Credential>,
    pub(super) body: Option<String>,
    /// Tells answers that are to be asked for again, where a status alone does
    /// not say so.
    pub(super) description: Option<Arc<Description>>,
    /// Bytes of the answer's body at most.
    pub(super) most: u64,
}

/// An answer that is not to be asked for again.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// It is larger than asked for; nothing of it was kept.
    TooLarge,
}

impl Answer {
    /// A header's value, where it is readable text.
    pub(super) fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        self.headers.get(name.into())?.to_str().ok()
    }

    /// The body, empty where it was too large.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Whole(bytes) => bytes,
            Body::TooLarge => &[],
        }
    }
}

impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.photo, self.method, shown(&self.url))
    }
}

/// `503 Service Unavailable`; the bare number where it has no name.
pub(super) fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
