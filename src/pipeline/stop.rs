//! Stopping: who asked for it, and the two steps it takes.

use crate::archive::Ended;
use crate::checkpoint::CheckpointError;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// What made going on impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// What is wrong, and where.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<&CheckpointError> for Fatal {
    fn from(error: &CheckpointError) -> Self {
        Self {
            message: error.to_string(),
            hint: Some(error.hint().to_owned()),
        }
    }
}

/// Why a run stops before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A signal, with its number.
    Signal(i32),
    /// Nothing can succeed any more.
    Fatal(Fatal),
    /// Budget, deadline, quota or outage.
    Early(Ended),
    /// As many photos as `--limit` asked for.
    Limit,
}

impl Why {
    /// If several apply, the stronger one is reported.
    fn strength(&self) -> u8 {
        match self {
            Self::Signal(_) => 3,
            Self::Fatal(_) => 2,
            Self::Early(_) => 1,
            Self::Limit => 0,
        }
    }

    /// How the run is said to have ended.
    pub fn ended(&self) -> Ended {
        match self {
            Self::Signal(_) => Ended::Interrupted,
            Self::Fatal(_) => Ended::Stopped,
            Self::Early(ended) => *ended,
            Self::Limit => Ended::Complete,
        }
    }
}

/// Shared by everything that may stop a run or must notice that it stops.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    soft: CancellationToken,
    hard: CancellationToken,
    why: Mutex<Option<Why>>,
}

impl Stop {
    /// No new calls; what is in flight is awaited. The strongest reason stays.
    pub fn ask(&self, why: Why) {
        let mut current = self.0.why.lock().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_none_or(|known| known.strength() < why.strength())
        {
            *current = Some(why);
        }
        drop(current);
        self.0.soft.cancel();
    }

    /// Going on is impossible.
    pub fn fatal(&self, fatal: Fatal) {
        self.ask(Why::Fatal(fatal));
    }

    /// The state file failed: what happens next could not be recorded.
    pub fn broken_state(&self, error: &CheckpointError) {
        self.fatal(Fatal::from(error));
        self.now();
    }

    /// Nothing is awaited any more.
    pub fn now(&self) {
        self.0.soft.cancel();
        self.0.hard.cancel();
    }

    /// Why, if anybody asked.
    pub fn why(&self) -> Option<Why> {
        self.0
            .why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Cancelled with the first step.
    pub fn soft(&self) -> &CancellationToken {
        &self.0.soft
    }

    /// Cancelled with the second step.
    pub fn hard(&self) -> &CancellationToken {
        &self.0.hard
    }

    /// Whether new work is refused.
    pub fn asked(&self) -> bool {
        self.0.soft.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_reason_is_reported() {
        let stop = Stop::default();
        assert!(stop.why().is_none());
        stop.ask(Why::Early(Ended::Budget));
        stop.ask(Why::Limit);
        assert_eq!(stop.why(), Some(Why::Early(Ended::Budget)));
        stop.fatal(Fatal {
            message: "bad key".into(),
            hint: None,
        });
        stop.ask(Why::Early(Ended::Deadline));
        assert_eq!(stop.why().map(|why| why.ended()), Some(Ended::Stopped));
        stop.ask(Why::Signal(15));
        assert_eq!(stop.why(), Some(Why::Signal(15)));
        assert!(stop.asked() && !stop.hard().is_cancelled());
    }
}
