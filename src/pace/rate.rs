//! A rate limit on top of governor, on tokio's clock: governor's own
//! `until_ready` sleeps on another timer, which tests with paused time and
//! cancellation can't see.

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How much of a rate may be used at once. Timers tick in milliseconds, so a
/// fast rate needs some slack to be reached; a slow one (fewer than ten a
/// second) has none and is spaced evenly, so that a service that counts whole
/// minutes is never asked once too often.
const SLACK_SECONDS: f64 = 0.1;

/// A slow rate is kept a little below what is allowed: requests travel for
/// different times, and the service counts when they arrive. Of sixty seconds
/// this leaves more than one.
const CAUTION: f64 = 1.02;

#[derive(Clone, Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.elapsed())
    }
}

#[derive(Debug)]
pub(super) struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>,
    clock: TokioClock,
    burst: u32,
    /// The time that one cell takes.
    period: Duration,
    /// Cells used beyond (or, negative, below) what was taken for them.
    owed: AtomicI64,
}

impl Rate {
    /// `rate` cells a second; anything not positive counts as one an hour.
    pub(super) fn per_second(rate: f64) -> Self {
        let rate = if rate > 0.0 { rate } else { 1.0 / 3600.0 };
        let burst = ((rate * SLACK_SECONDS) as u32).max(1);
        let caution = if burst == 1 { CAUTION } else { 1.0 };
        let period = Duration::from_secs_f64(caution / rate).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period)
            .expect("the period is at least a nanosecond")
            .allow_burst(NonZeroU32::new(burst).expect("the burst is at least 1"));
        let clock = TokioClock(Instant::now());
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        Self {
            limiter,
            clock,
            burst,
            period,
            owed: AtomicI64::new(0),
        }
    }

    /// Waits until `cells` cells are free, in bites of at most the burst:
    /// governor refuses to ever give more than that at once. Says how long it
    /// is going to wait, as often as that turns out to be longer because others
    /// were quicker.
    pub(super) async fn take(&self, cells: u64, tell: impl Fn(Duration)) {
        let owed = self.owed.swap(0, Ordering::Relaxed);
        let due = i64::try_from(cells)
            .unwrap_or(i64::MAX)
            .saturating_add(owed);
        if due <= 0 {
            self.owed.fetch_add(due, Ordering::Relaxed);
            return;
        }
        let mut left = due.unsigned_abs();
        let mut told: Option<Instant> = None;
        while left > 0 {
            let bite = u32::try_from(left).unwrap_or(u32::MAX).min(self.burst);
            let bite = NonZeroU32::new(bite).expect("left and burst are above 0");
            match self
                .limiter
                .check_n(bite)
                .expect("a bite is at most the burst")
            {
                Ok(()) => left -= u64::from(bite.get()),
                Err(not_until) => {
                    let wait = not_until
                        .earliest_possible()
                        .duration_since(self.clock.now());
                    let wait = Duration::from(wait);
                    if told.is_none_or(|until| until <= Instant::now()) {
                        let bites = u32::try_from(left - u64::from(bite.get()));
                        let rest = self.period.saturating_mul(bites.unwrap_or(u32::MAX));
                        let wait = wait.saturating_add(rest);
                        tell(wait);
                        told = Instant::now().checked_add(wait);
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Replaces an estimate by what was really used.
    pub(super) fn correct(&self, estimated: u64, used: u64) {
        let more =
            i64::try_from(used).unwrap_or(i64::MAX) - i64::try_from(estimated).unwrap_or(i64::MAX);
        self.owed.fetch_add(more, Ordering::Relaxed);
    }
}
