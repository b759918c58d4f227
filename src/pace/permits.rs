//! Permits for requests in flight, whose number adapts: halved on overload,
//! recovering by about one for every round of successes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Refusals that belong to one overload come together; only the first of them
/// within this time halves the limit.
const ONE_OVERLOAD: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Permits {
    state: Mutex<State>,
    freed: Notify,
    most: usize,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    limit: f64,
    halved: Option<Instant>,
    /// Until when the limit does not recover.
    held: Option<Instant>,
}

/// The right to have one request in flight, until it is dropped.
#[derive(Debug)]
pub struct Permit<'a>(&'a Permits);

impl Permits {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State {
            in_flight: 0,
            limit: most as f64,
            halved: None,
            held: None,
        };
        Self {
            state: Mutex::new(state),
            freed: Notify::new(),
            most,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limit(&self) -> usize {
        self.state().limit as usize
    }

    pub(super) async fn acquire(&self) -> Permit<'_> {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                if state.in_flight < state.limit as usize {
                    state.in_flight += 1;
                    // A wake-up that is not needed here may be needed by the next.
                    if state.in_flight < state.limit as usize {
                        self.freed.notify_one();
                    }
                    return Permit(self);
                }
            }
            freed.await;
        }
    }

    /// A permit at once, even beyond the limit.
    pub(super) fn exceed(&self) -> Permit<'_> {
        self.state().in_flight += 1;
        Permit(self)
    }

    pub(super) fn halve(&self) {
        let mut state = self.state();
        let now = Instant::now();
        if state.halved.is_none_or(|last| now - last >= ONE_OVERLOAD) {
            state.halved = Some(now);
            state.limit = (state.limit / 2.0).max(1.0);
        }
    }

    /// The limit stays as it is for so long, unless it is halved further.
    pub(super) fn hold(&self, time: Duration) {
        self.state().held = Some(Instant::now() + time);
    }

    pub(super) fn recover(&self) {
        let mut state = self.state();
        if state.held.is_some_and(|held| Instant::now() < held) {
            return;
        }
        state.limit = (state.limit + 1.0 / state.limit).min(self.most as f64);
        drop(state);
        self.freed.notify_one();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
        self.0.freed.notify_one();
    }
}
