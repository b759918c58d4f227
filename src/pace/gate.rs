//! A gate that a service can close for a while, for everybody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// No pause is longer: times out of headers may be beyond any clock.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// A pause that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it ends.
    pub until: Instant,
    /// What a person is told about it.
    pub why: String,
}

#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<Pause>>);

impl Gate {
    pub(super) fn pause(&self, wait: Duration, why: &str) {
        let until = Instant::now() + wait.min(LONGEST);
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pause.as_ref().is_none_or(|on| on.until < until) {
            *pause = Some(Pause {
                until,
                why: why.to_owned(),
            });
        }
    }

    pub(super) fn paused(&self) -> Option<Pause> {
        let pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pause.clone().filter(|on| on.until > Instant::now())
    }

    /// Returns once no pause is on, however often one is added meanwhile.
    pub(super) async fn open(&self) {
        while let Some(pause) = self.paused() {
            tokio::time::sleep_until(pause.until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_any_clock_is_a_long_one() {
        let gate = Gate::default();
        gate.pause(Duration::MAX, "why not");
        assert!(gate.paused().is_some());
    }
}
