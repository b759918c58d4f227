//! An archive site that remembers nothing but its texts: the album API, each
//! answer after the same time.

use super::support::http::{Answer, Delivery, Handler, Reply, Request};
use super::support::photos::{self, Metadata};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Images that photos have in turn.
const IMAGES: u32 = 5;

/// The site.
pub(crate) struct Site {
    texts: Mutex<Vec<Option<Box<str>>>>,
    written: AtomicU32,
    latency: Duration,
    images: Vec<Vec<u8>>,
}

impl Site {
    /// So many photos without a text.
    pub(crate) fn new(photos: u32, latency: Duration) -> Self {
        Self {
            texts: Mutex::new(vec![None; photos as usize]),
            written: AtomicU32::new(0),
            latency,
            images: (0..IMAGES)
                .map(|seed| photos::photo(seed, 96, 64, Metadata::None))
                .collect(),
        }
    }

    /// The id of a photo.
    pub(crate) fn id(number: u32) -> String {
        format!("album-{}/p{number}", number % 40)
    }

    /// Photos that have a text by now.
    pub(crate) fn written(&self) -> u32 {
        self.written.load(Ordering::Relaxed)
    }

    fn show(&self, number: usize) -> Reply {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(alt) = texts.get(number) else {
            return Reply::html(404);
        };
        let title = format!("A day in the hills, page {number}");
        let alt = alt.as_deref().unwrap_or_default();
        Reply::json(200, &json!({"title": title, "alt": alt, "verified": 0}))
    }

    fn change(&self, number: usize, body: &[u8]) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(alt) = body["alt"].as_str() else {
            return Reply::html(400);
        };
        {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(text) = texts.get_mut(number) else {
                return Reply::html(404);
            };
            if text.replace(alt.into()).is_none() {
                self.written.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.show(number)
    }
}

impl Handler for Site {
    async fn answer(&self, request: Request) -> Answer {
        tokio::time::sleep(self.latency).await;
        let parts: Vec<&str> = request.path.split('/').collect();
        let number = |name: &str| name.strip_prefix('p')?.parse().ok();
        let reply = match (request.method.as_str(), &parts[..]) {
            ("GET", ["", "album", _, name, "get"]) => number(name).map(|number| self.show(number)),
            ("PATCH", ["", "album", _, name, "patch"]) => {
                number(name).map(|number| self.change(number, &request.body))
            }
            ("GET" | "HEAD", ["", "files", _, file]) => {
                let number = file.strip_suffix(".jpg").and_then(number);
                number.map(|number: usize| {
                    let image = &self.images[number % self.images.len()];
                    Reply::bytes(200, "image/jpeg", image.clone())
                })
            }
            _ => None,
        };
        Answer {
            reply: reply.unwrap_or_else(|| Reply::html(404)),
            delivery: Delivery::Whole,
        }
    }
}
