//! Requests to a model: what came back, what it means, what it cost.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The number of a call in the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub i64);

/// An amount of US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Usd(pub f64);

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Captions cost fractions of a cent, so small amounts keep four digits.
        if self.0 != 0.0 && self.0.abs() < 0.1 {
            write!(f, "${:.4}", self.0)
        } else {
            write!(f, "${:.2}", self.0)
        }
    }
}

impl std::ops::Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |total, amount| total + amount)
    }
}

/// Why a model was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To caption a photo.
    Caption,
    /// To caption a photo with more room for the output, after a reply that
    /// ended at its cap.
    Longer,
    /// To find out whether the model works, with the built-in test image.
    Probe,
}

impl Purpose {
    /// The name under which the checkpoint keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Longer => "longer",
            Self::Probe => "probe",
        }
    }

    /// The inverse of [`Purpose::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Caption, Self::Longer, Self::Probe]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// Tokens of one call, in and out. Thinking counts as output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of prompt and image.
    pub input: u64,
    /// Tokens written, thinking included.
    pub output: u64,
}

/// A reply exactly as it arrived, kept so that it can be judged (again) later
/// without asking (and paying) again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawReply {
    /// HTTP status; for a local program, 200 for exit code 0 and 500 otherwise.
    pub status: u16,
    /// The few headers that carry meaning (content type, retry and rate-limit
    /// headers, request id), names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The whole body, as text.
    pub body: String,
}

impl RawReply {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why no reply arrived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The request certainly never reached the model: nothing to pay for.
    #[error("{0}")]
    NotSent(String),
    /// It may have reached the model, and may be billed.
    #[error("{0}")]
    Lost(String),
}

/// How the model's text ended, as far as the provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// The output limit cut it off.
    Length,
    /// The provider or the model declined.
    Refused,
}

/// A successful reply, in the terms of every provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the model wrote; empty when it refused or was cut off too early.
    pub text: String,
    /// How it ended.
    pub finish: Finish,
    /// Tokens, where the provider counts them.
    pub usage: Option<Usage>,
    /// The model that really answered, where the reply names it.
    pub model: Option<String>,
}

impl Reply {
    /// Whether the model wrote no word, because it was done or out of tokens.
    pub fn says_nothing(&self) -> bool {
        self.finish != Finish::Refused && !self.text.chars().any(char::is_alphanumeric)
    }
}

/// What a reply means for the photo, the model and the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There is a text, or a definite refusal.
    Done(Reply),
    /// Ask again, after this time where the provider named one.
    RetryAfter(Option<Duration>, String),
    /// The service is down or overloaded: ask again later.
    Outage(String),
    /// This photo can't be done by this model; others can.
    Photo(String),
    /// Settings or key are wrong: no call can succeed. The text says what to do.
    Settings(String),
    /// A quota or a balance is used up.
    Quota(String),
}
