//! A limit of requests and tokens within a time, refused beyond it and, where
//! the service does so, told in the headers of every reply.

use super::{Face, openai};
use crate::support::http::Reply;
use crate::support::script::Fail;
use std::time::{Duration, Instant, SystemTime};

/// So many requests and tokens within a time.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    requests: usize,
    tokens: u64,
    window: Duration,
    tells: bool,
    slides: bool,
    admitted: Vec<(Instant, u64)>,
    refused: u64,
}

impl Limit {
    /// So many requests in any stretch of this length; nothing is told.
    pub(crate) fn requests(requests: usize, window: Duration) -> Self {
        Self {
            requests,
            tokens: u64::MAX,
            window,
            tells: false,
            slides: true,
            admitted: Vec::new(),
            refused: 0,
        }
    }

    /// So many tokens in a window that begins with the first request, told in
    /// the headers of every reply.
    pub(crate) fn told_tokens(tokens: u64, window: Duration) -> Self {
        Self {
            requests: usize::MAX,
            tokens,
            tells: true,
            slides: false,
            ..Self::requests(0, window)
        }
    }

    /// So many requests in such a window, told likewise.
    pub(crate) fn told_requests(requests: usize, window: Duration) -> Self {
        Self {
            requests,
            tokens: u64::MAX,
            ..Self::told_tokens(0, window)
        }
    }

    /// How many requests were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Lets a request in, with what its reply will tell, or refuses it.
    pub(crate) fn admit(
        &mut self,
        face: Face,
        at: Instant,
        tokens: u64,
    ) -> Result<Vec<(String, String)>, Reply> {
        let window = self.window;
        let over = |start: Instant| at.saturating_duration_since(start) >= window;
        if self.slides {
            self.admitted.retain(|(start, _)| !over(*start));
        } else if self.admitted.first().is_some_and(|(start, _)| over(*start)) {
            self.admitted.clear();
        }
        let used: u64 = self.admitted.iter().map(|(_, tokens)| tokens).sum();
        let fits = self.admitted.len() < self.requests && used + tokens <= self.tokens;
        if fits {
            self.admitted.push((at, tokens));
        } else {
            self.refused += 1;
        }
        let start = self.admitted.first().map_or(at, |(start, _)| *start);
        let reset = window.saturating_sub(at.saturating_duration_since(start));
        let headers = if self.tells {
            self.headers(face, reset)
        } else {
            Vec::new()
        };
        if fits {
            return Ok(headers);
        }
        let mut reply = match face {
            Face::Anthropic => super::anthropic::failure("", &Fail::RateLimit(None)),
            _ => openai::failure("", &Fail::RateLimit(None)),
        };
        reply.headers.extend(headers);
        let seconds = reset.as_secs() + 1;
        Err(reply.with("retry-after", &seconds.to_string()))
    }

    fn headers(&self, face: Face, reset: Duration) -> Vec<(String, String)> {
        let used: u64 = self.admitted.iter().map(|(_, tokens)| tokens).sum();
        let (what, limit, left) = if self.tokens == u64::MAX {
            let left = self.requests.saturating_sub(self.admitted.len());
            ("requests", self.requests as u64, left as u64)
        } else {
            ("tokens", self.tokens, self.tokens.saturating_sub(used))
        };
        let pairs = match face {
            Face::Anthropic => {
                let until = jiff::Timestamp::try_from(SystemTime::now() + reset);
                let until = until.expect("a moment of this century");
                [
                    (
                        format!("anthropic-ratelimit-{what}-limit"),
                        limit.to_string(),
                    ),
                    (
                        format!("anthropic-ratelimit-{what}-remaining"),
                        left.to_string(),
                    ),
                    (
                        format!("anthropic-ratelimit-{what}-reset"),
                        until.to_string(),
                    ),
                ]
            }
            _ => [
                (format!("x-ratelimit-limit-{what}"), limit.to_string()),
                (format!("x-ratelimit-remaining-{what}"), left.to_string()),
                (
                    format!("x-ratelimit-reset-{what}"),
                    format!("{}ms", reset.as_millis()),
                ),
            ],
        };
        pairs.to_vec()
    }
}
