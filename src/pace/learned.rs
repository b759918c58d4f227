//! A limit that nobody configured and no header tells, learned from refusals: a
//! service that turns a request down and wants a long wait has just shown how
//! many requests it takes in a minute.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The time that limits are counted in; the usual one of all providers.
const MINUTE: Duration = Duration::from_secs(60);

/// The waits that tell of a limit per minute. A shorter one tells of a burst or of
/// too much at a time, a longer one of a quota that a slower pace does not help.
const TELLING_WAIT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(90);

/// So long after the last request that was taken, refusals that name no wait tell
/// of a limit per minute as well.
const TELLING_SILENCE: Duration = Duration::from_secs(20);

/// What is left of a rate that was kept and refused all the same: a service that
/// counts by the clock's minutes takes two of its limits in one minute of ours.
const TOO_MUCH: f64 = 0.7;

/// A learned limit may have been another's doing. After so long without a
/// refusal it is raised by half.
const RAISED_AFTER: Duration = Duration::from_secs(600);

/// Requests travel for different times; see the like in `rate`.
const CAUTION: f64 = 1.02;

/// The number of a request.
type Ticket = u64;

#[derive(Debug, Default)]
pub(super) struct Learned(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Requests of the last minute that were not refused, the oldest first.
    sent: VecDeque<(Ticket, Instant)>,
    limit: Option<Limit>,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    /// Requests a minute.
    rate: f64,
    /// When the next one may go.
    next: Instant,
    /// When it was learned, confirmed or raised.
    since: Instant,
}

/// A wait: until when, and for how many requests a minute.
pub(super) struct Full {
    pub(super) until: Instant,
    pub(super) rate: f64,
}

impl Learned {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next place in the rate, if that is now.
    pub(super) fn take(&self) -> Result<(), Full> {
        let mut state = self.state();
        let now = Instant::now();
        let Some(limit) = &mut state.limit else {
            return Ok(());
        };
        if now >= limit.since + RAISED_AFTER {
            limit.rate *= 1.5;
            limit.since = now;
        }
        if now < limit.next {
            return Err(Full {
                until: limit.next,
                rate: limit.rate,
            });
        }
        limit.next = now + MINUTE.mul_f64(CAUTION / limit.rate);
        Ok(())
    }

    /// A request goes.
    pub(super) fn sent(&self, ticket: Ticket) {
        let mut state = self.state();
        let now = Instant::now();
        state.sent.push_back((ticket, now));
        while state
            .sent
            .front()
            .is_some_and(|(_, at)| *at + MINUTE <= now)
        {
            state.sent.pop_front();
        }
    }

    /// A request was refused, and this wait was asked for, if any. Those of its
    /// burst that are still in flight may be refused too: each refusal counts
    /// anew.
    pub(super) fn refused(&self, ticket: Ticket, wait: Option<Duration>) {
        let mut state = self.state();
        let now = Instant::now();
        let own = state.sent.iter().find(|(other, _)| *other == ticket);
        let own = own.map(|(_, at)| *at);
        state
            .sent
            .retain(|(other, at)| *other != ticket && *at + MINUTE > now);
        let Some((_, newest)) = state.sent.back().copied() else {
            return;
        };
        let tells = match wait {
            Some(wait) => TELLING_WAIT.contains(&wait),
            None => now >= newest + TELLING_SILENCE,
        };
        if !tells {
            return;
        }
        let taken = state.sent.len() as f64;
        let rate = match state.limit {
            Some(known) if own.is_some_and(|own| own > known.since) => {
                taken.min(known.rate * TOO_MUCH)
            }
            Some(known) => taken.min(known.rate),
            None => taken,
        };
        // Where nobody says when, it is when the first of the minute counts no more.
        let oldest = state.sent.front().map_or(now, |(_, at)| *at + MINUTE);
        state.limit = Some(Limit {
            rate,
            next: if wait.is_some() { now } else { oldest },
            since: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that takes so many requests in any minute.
    struct Service {
        takes: usize,
        taken: VecDeque<Instant>,
        refused: Vec<Duration>,
    }

    impl Service {
        fn taking(takes: usize) -> Self {
            Self {
                takes,
                taken: VecDeque::new(),
                refused: Vec::new(),
            }
        }

        /// The wait that it asks for instead of taking a request.
        fn ask(&mut self, start: Instant) -> Option<Duration> {
            let now = Instant::now();
            self.taken.retain(|at| *at + MINUTE > now);
            if self.taken.len() < self.takes {
                self.taken.push_back(now);
                return None;
            }
            self.refused.push(start.elapsed());
            Some(self.taken[0] + MINUTE - now)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_requests_a_minute_are_learned_within_the_first() {
        let (learned, start) = (Learned::default(), Instant::now());
        let mut service = Service::taking(3);
        let (mut done, mut ticket) = (0, 0);
        // A burst of eight, as a run with that concurrency begins.
        let mut longest = Duration::ZERO;
        for number in 1..=8 {
            learned.sent(number);
        }
        for number in 1..=8 {
            match service.ask(start) {
                None => done += 1,
                Some(wait) => {
                    learned.refused(number, Some(wait));
                    longest = longest.max(wait);
                }
            }
        }
        tokio::time::sleep(longest).await;
        while done < 20 {
            if let Err(full) = learned.take() {
                assert!((full.rate - 3.0).abs() < 1e-9, "{}", full.rate);
                tokio::time::sleep_until(full.until).await;
                continue;
            }
            ticket += 1;
            learned.sent(100 + ticket);
            match service.ask(start) {
                None => done += 1,
                Some(wait) => {
                    learned.refused(100 + ticket, Some(wait));
                    tokio::time::sleep(wait).await;
                }
            }
        }
        let late = service.refused.iter().filter(|at| **at >= MINUTE).count();
        assert_eq!(late, 0, "{:?}", service.refused);
        let ideal = MINUTE.mul_f64(20.0 / 3.0);
        assert!(start.elapsed() < ideal + MINUTE, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn short_and_very_long_waits_teach_nothing_and_a_lesson_fades() {
        let learned = Learned::default();
        learned.sent(1);
        learned.sent(2);
        learned.refused(2, Some(Duration::from_secs(2)));
        learned.sent(2);
        learned.refused(2, Some(Duration::from_secs(3600)));
        learned.sent(3);
        assert!(
            learned.take().is_ok(),
            "too much at a time is no limit a minute"
        );
        learned.refused(3, Some(Duration::from_secs(30)));
        let rate = |learned: &Learned| learned.take().err().map(|full| full.rate);
        assert_eq!(rate(&learned), None, "the next one may go");
        assert_eq!(rate(&learned), Some(1.0));
        tokio::time::advance(RAISED_AFTER).await;
        assert!(learned.take().is_ok());
        assert_eq!(rate(&learned), Some(1.5));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_that_name_no_wait_teach_as_well() {
        let (learned, start) = (Learned::default(), Instant::now());
        let mut service = Service::taking(3);
        let (mut done, mut ticket, mut backoff) = (0, 0, 1.0);
        while done < 20 {
            if let Err(full) = learned.take() {
                tokio::time::sleep_until(full.until).await;
                continue;
            }
            ticket += 1;
            learned.sent(ticket);
            if service.ask(start).is_none() {
                (done, backoff) = (done + 1, 1.0);
                continue;
            }
            learned.refused(ticket, None);
            tokio::time::sleep(Duration::from_secs_f64(backoff)).await;
            backoff = (backoff * 2.0_f64).min(30.0);
        }
        let late = service.refused.iter().filter(|at| **at >= MINUTE).count();
        assert_eq!(late, 0, "{:?}", service.refused);
        let ideal = MINUTE.mul_f64(20.0 / 3.0);
        assert!(start.elapsed() < ideal + MINUTE, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_is_kept_and_refused_all_the_same_is_too_much() {
        let learned = Learned::default();
        for number in 1..=7 {
            learned.sent(number);
        }
        learned.refused(7, Some(Duration::from_secs(30)));
        let rate = || learned.state().limit.map(|limit| limit.rate);
        assert_eq!(rate(), Some(6.0));
        tokio::time::advance(Duration::from_secs(11)).await;
        learned.sent(8);
        learned.refused(8, Some(Duration::from_secs(30)));
        let now = rate().expect("a limit");
        assert!((now - 4.2).abs() < 1e-9, "{now}");
        // One of the first burst, which was refused late, says nothing new.
        learned.refused(6, Some(Duration::from_secs(30)));
        assert_eq!(rate(), Some(now));
    }
}
