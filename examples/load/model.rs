//! A model that remembers nothing: chat completions, each after the same time,
//! and perhaps only so many a minute.

use super::support::http::{Answer, Delivery, Handler, Reply, Request};
use serde_json::json;
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The model.
pub(crate) struct Model {
    latency: Duration,
    per_minute: Option<NonZero<u16>>,
    admitted: Mutex<VecDeque<Instant>>,
    calls: AtomicU64,
    refused: AtomicU64,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

impl Model {
    /// One that takes so long, and refuses more calls than this in any minute.
    pub(crate) fn new(latency: Duration, per_minute: Option<NonZero<u16>>) -> Self {
        Self {
            latency,
            per_minute,
            admitted: Mutex::default(),
            calls: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    /// Requests that arrived.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Those of them that were one too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Most calls at the same time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// The error says how long to wait until a call is allowed again.
    fn admit(&self) -> Result<(), Duration> {
        let Some(limit) = self.per_minute else {
            return Ok(());
        };
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while admitted
            .front()
            .is_some_and(|at| now.duration_since(*at) >= MINUTE)
        {
            admitted.pop_front();
        }
        match admitted.front() {
            Some(oldest) if admitted.len() >= usize::from(limit.get()) => {
                Err(MINUTE.saturating_sub(now.duration_since(*oldest)))
            }
            _ => {
                admitted.push_back(now);
                Ok(())
            }
        }
    }

    async fn reply(&self, request: &Request) -> Reply {
        if request.method != "POST" || request.path != "/v1/chat/completions" {
            return Reply::html(404);
        }
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if let Err(wait) = self.admit() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let error = json!({"error": {"message": "Rate limit reached", "type": "requests"}});
            let seconds = wait.as_secs() + 1;
            return Reply::json(429, &error).with("retry-after", &seconds.to_string());
        }
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(self.latency).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let text = format!("A test scene with two red boats beside a lake, number {number}.");
        let body = json!({
            "id": format!("call-{number}"), "object": "chat.completion",
            "created": 1_790_000_000_u32, "model": "fake-vision",
            "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930},
        });
        Reply::json(200, &body)
    }
}

impl Handler for Model {
    async fn answer(&self, request: Request) -> Answer {
        Answer {
            reply: self.reply(&request).await,
            delivery: Delivery::Whole,
        }
    }
}
