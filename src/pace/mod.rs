//! How fast a service may be asked: permits, rate limits and pause gates,
//! shared by site and model.
//!
//! Order of acquisition, everywhere: rate, gate, permit, what the service says
//! is left, lease. Nothing is held while waiting for rate, gate or what is left,
//! so a paused service blocks nobody else.

mod allowance;
mod gate;
mod learned;
mod lease;
mod permits;
mod rate;

pub use allowance::{Left, Measure, Need};
pub use gate::Pause;
pub use lease::{Lease, Leased};
pub use permits::Permit;

use allowance::{Allowances, Ticket};
use gate::Gate;
use learned::Learned;
use permits::Permits;
use rate::Rate;
use std::time::Duration;
use tokio::time::Instant;

/// What a service allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Requests in flight, at least 1.
    pub concurrency: usize,
    /// Requests a second.
    pub requests_per_second: Option<f64>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<u32>,
}

/// The pace of one service. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Pace {
    permits: Permits,
    requests: Option<Rate>,
    tokens: Option<Rate>,
    gate: Gate,
    allowances: Allowances,
    learned: Learned,
    limits: Limits,
}

/// A wait that is told to whoever watches: such a wait has begun, lasts at
/// least for this long, and this is why.
pub type Tell<'a> = &'a (dyn Fn(Duration, &str) + Send + Sync);

/// The right to have one request in flight that was booked with what the
/// service says is left, until it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    pace: &'a Pace,
    ticket: Ticket,
    _permit: Permit<'a>,
}

impl Turn<'_> {
    /// What the reply says is left; to be called once it is there, empty where
    /// it says nothing or never came.
    pub fn heard(&self, left: &[Left]) {
        self.pace.allowances.observe(self.ticket, left);
    }

    /// The request was refused as one too many, and so long a wait was asked
    /// for, if any.
    pub fn refused(&self, wait: Option<Duration>) {
        self.pace.learned.refused(self.ticket, wait);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pace.allowances.done(self.ticket);
    }
}

impl Pace {
    /// Starts with the configured limits; they adapt downwards from there.
    pub fn new(limits: Limits) -> Self {
        Self {
            permits: Permits::new(limits.concurrency),
            requests: limits.requests_per_second.map(Rate::per_second),
            tokens: limits
                .tokens_per_minute
                .map(|n| Rate::per_second(f64::from(n) / 60.0)),
            gate: Gate::default(),
            allowances: Allowances::default(),
            learned: Learned::default(),
            limits,
        }
    }

    /// Waits until one request that is expected to use `tokens` tokens may be
    /// sent, and gives the permit for it. Dropping the future loses nothing but
    /// a place in the rate.
    pub async fn enter(&self, tokens: u64) -> Permit<'_> {
        self.rates(tokens, &|_, _| {}).await;
        loop {
            self.gate.open().await;
            let permit = self.permits.acquire().await;
            if self.gate.paused().is_none() {
                return permit;
            }
        }
    }

    /// The same for a service that says what is left of its limits, telling of
    /// every wait that its limits are the reason for.
    pub async fn turn(&self, need: Need, tell: Tell<'_>) -> Turn<'_> {
        self.rates(need.tokens(), tell).await;
        loop {
            self.gate.open().await;
            let permit = self.permits.acquire().await;
            if self.gate.paused().is_some() {
                continue;
            }
            if let Err(full) = self.learned.take() {
                drop(permit);
                let wait = full.until.saturating_duration_since(Instant::now());
                let rate = (full.rate * 10.0).round() / 10.0;
                tell(
                    wait,
                    &format!("{rate} requests a minute, as it refused more"),
                );
                tokio::time::sleep_until(full.until).await;
                continue;
            }
            let more = self.allowances.more();
            match self.allowances.take(need) {
                Ok(ticket) => {
                    self.learned.sent(ticket);
                    return Turn {
                        pace: self,
                        ticket,
                        _permit: permit,
                    };
                }
                Err(short) => {
                    drop(permit);
                    let wait = short.until.saturating_duration_since(Instant::now());
                    tell(wait, short.why());
                    tokio::select! {
                        () = tokio::time::sleep_until(short.until) => {}
                        () = more => {}
                    }
                }
            }
        }
    }

    async fn rates(&self, tokens: u64, tell: Tell<'_>) {
        let Limits {
            requests_per_second,
            tokens_per_minute,
            ..
        } = self.limits;
        if let (Some(rate), Some(limit)) = (&self.requests, requests_per_second) {
            let why = || format!("{} requests a minute", (limit * 60.0).round());
            rate.take(1, |wait| tell(wait, &why())).await;
        }
        if let (Some(rate), Some(limit)) = (&self.tokens, tokens_per_minute) {
            let why = || {
                if tokens > u64::from(limit) {
                    format!("{limit} tokens a minute, and one request may need {tokens}")
                } else {
                    format!("{limit} tokens a minute")
                }
            };
            rate.take(tokens, |wait| tell(wait, &why())).await;
        }
    }

    /// A permit without any wait, for a request that must follow another one at
    /// once: its place in the rate is owed, so that those after it wait the
    /// longer. The pause, where one is on.
    pub fn enter_now(&self) -> Result<Permit<'_>, Pause> {
        if let Some(pause) = self.gate.paused() {
            return Err(pause);
        }
        if let Some(rate) = &self.requests {
            rate.correct(0, 1);
        }
        Ok(self.permits.exceed())
    }

    /// Lets nobody through for a while; a longer pause that is already on stays.
    pub fn pause(&self, wait: Duration, why: &str) {
        self.gate.pause(wait, why);
    }

    /// The pause that is on, where there is one.
    pub fn paused(&self) -> Option<Pause> {
        self.gate.paused()
    }

    /// Halves the requests in flight, after a 429 or an overload.
    pub fn slow_down(&self) {
        self.permits.halve();
    }

    /// The requests in flight don't recover for so long: the other side asked for
    /// a lower rate, and for how long.
    pub fn hold(&self, time: Duration) {
        self.permits.hold(time);
    }

    /// Notes a success: the requests in flight recover slowly, and the tokens
    /// really used replace the estimate.
    pub fn succeeded(&self, estimated: u64, used: Option<u64>) {
        self.permits.recover();
        if let (Some(rate), Some(used)) = (&self.tokens, used) {
            rate.correct(estimated, used);
        }
    }

    /// Requests that may be in flight now.
    pub fn concurrency(&self) -> usize {
        self.permits.limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const FREE: Limits = Limits {
        concurrency: 100,
        requests_per_second: None,
        tokens_per_minute: None,
    };

    #[tokio::test(start_paused = true)]
    async fn three_requests_a_minute_are_never_exceeded_in_any_minute() {
        let pace = Pace::new(Limits {
            requests_per_second: Some(3.0 / 60.0),
            ..FREE
        });
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..20 {
            drop(pace.enter(0).await);
            times.push(start.elapsed());
        }
        for (first, fourth) in times.iter().zip(&times[3..]) {
            assert!(
                fourth.saturating_sub(*first) >= Duration::from_secs(60),
                "{first:?} {fourth:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_paced_and_estimates_corrected() {
        let limits = Limits {
            tokens_per_minute: Some(6000),
            ..FREE
        };
        let pace = Pace::new(limits);
        let start = Instant::now();
        for _ in 0..13 {
            drop(pace.enter(500).await);
        }
        let even = start.elapsed();
        assert!(
            even >= Duration::from_secs(50) && even <= Duration::from_secs(65),
            "{even:?}"
        );

        // Replies that use twice the estimate make the next requests wait longer.
        let pace = Pace::new(limits);
        let start = Instant::now();
        for _ in 0..13 {
            drop(pace.enter(500).await);
            pace.succeeded(500, Some(1000));
        }
        assert!(
            start.elapsed() > even + Duration::from_secs(40),
            "{:?}",
            start.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_on_credit_goes_at_once_and_is_paid_by_the_next() {
        let limits = Limits {
            requests_per_second: Some(1.0),
            concurrency: 1,
            ..FREE
        };
        let pace = Pace::new(limits);
        let start = Instant::now();
        let first = pace.enter(0).await;
        let second = pace.enter_now().expect("no pause is on");
        assert!(start.elapsed() < Duration::from_millis(10));
        drop((first, second));
        drop(pace.enter(0).await);
        assert!(
            start.elapsed() >= Duration::from_millis(1900),
            "{:?}",
            start.elapsed()
        );
        pace.pause(Duration::from_secs(1), "429");
        let refused = pace.enter_now().expect_err("a pause is on");
        assert_eq!(refused.why, "429");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_and_ends() {
        let pace = Pace::new(FREE);
        pace.pause(Duration::from_secs(2), "429");
        pace.pause(Duration::from_secs(1), "shorter: does not matter");
        let start = Instant::now();
        drop(pace.enter(0).await);
        assert!(start.elapsed() >= Duration::from_secs(2));
        assert!(pace.paused().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn overload_halves_once_for_a_burst_and_recovers_slowly() {
        let pace = Pace::new(Limits {
            concurrency: 16,
            ..FREE
        });
        for _ in 0..10 {
            pace.slow_down();
        }
        assert_eq!(pace.concurrency(), 8);
        let held = futures_util::future::join_all((0..8).map(|_| pace.enter(0))).await;
        let ninth = tokio::time::timeout(Duration::from_secs(5), pace.enter(0)).await;
        assert!(ninth.is_err(), "the ninth request must wait");
        drop(held);
        for _ in 0..7 {
            pace.succeeded(0, None);
        }
        assert_eq!(pace.concurrency(), 8);
        for _ in 0..1000 {
            pace.succeeded(0, None);
        }
        assert_eq!(pace.concurrency(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_is_held_recovers_only_when_the_time_is_over() {
        let pace = Pace::new(Limits {
            concurrency: 16,
            ..FREE
        });
        pace.slow_down();
        pace.hold(Duration::from_secs(900));
        let many_successes = || {
            for _ in 0..1000 {
                pace.succeeded(0, None);
            }
            pace.concurrency()
        };
        tokio::time::advance(Duration::from_secs(899)).await;
        assert_eq!(many_successes(), 8);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(many_successes(), 16);
    }
}
