//! What a service says is left of its limits. Requests that would go beyond it
//! wait until the limit is new, instead of being refused.
//!
//! The reset is taken as the moment when all of the limit is there again. That
//! is right for windows and cautious for buckets that fill steadily, where it
//! costs nothing: what fills up meanwhile may be used at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Requests.
    Requests,
    /// Tokens, in and out.
    Tokens,
    /// Tokens of prompts and images.
    Input,
    /// Tokens written.
    Output,
}

impl Measure {
    const COUNT: usize = 4;

    /// What is used up, for a person.
    fn words(self) -> &'static str {
        match self {
            Self::Requests => "its requests are used up for now",
            Self::Tokens => "its tokens are used up for now",
            Self::Input => "its input tokens are used up for now",
            Self::Output => "its output tokens are used up for now",
        }
    }
}

/// What a service says of one of its limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// Which limit.
    pub measure: Measure,
    /// How much of it is left.
    pub left: f64,
    /// How much it is in all, where it says so.
    pub limit: Option<f64>,
    /// The time until all of it is there again, where it says so.
    pub reset: Option<Duration>,
}

/// What one request is expected to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Tokens of prompt and image.
    pub input: u64,
    /// Tokens to be written.
    pub output: u64,
}

impl Need {
    /// Tokens, in and out.
    pub fn tokens(self) -> u64 {
        self.input + self.output
    }

    fn of(self, measure: Measure) -> f64 {
        let number = match measure {
            Measure::Requests => 1,
            Measure::Tokens => self.tokens(),
            Measure::Input => self.input,
            Measure::Output => self.output,
        };
        number as f64
    }
}

/// Limits per minute are by far the most usual ones, so this is the wait where
/// none is named.
const USUAL_WINDOW: Duration = Duration::from_secs(60);

/// A reset that is farther away belongs to a quota of a day or a month. The next
/// request is sent all the same: only its refusal says whether the quota is
/// really used up, and the run then goes on with another model.
const LONGEST_WINDOW: Duration = Duration::from_secs(900);

/// The time after which a request has certainly arrived, with its image.
const ARRIVAL: Duration = Duration::from_secs(2);

const MEASURES: [Measure; Measure::COUNT] = [
    Measure::Requests,
    Measure::Tokens,
    Measure::Input,
    Measure::Output,
];

/// The number of a booked request; later ones have higher numbers.
pub(super) type Ticket = u64;

#[derive(Debug, Default)]
pub(super) struct Allowances {
    state: Mutex<State>,
    observed: Notify,
}

#[derive(Debug, Default)]
struct State {
    windows: [Option<Window>; Measure::COUNT],
    in_flight: Vec<Booked>,
    booked: Ticket,
    /// The request whose reply was heard, the latest of them.
    heard: Ticket,
}

#[derive(Clone, Copy, Debug)]
struct Booked {
    ticket: Ticket,
    need: Need,
    at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    left: f64,
    limit: Option<f64>,
    until: Instant,
    /// It began by itself when the last one ended; no reply has confirmed it.
    assumed: bool,
}

/// A wait, and for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Short {
    pub(super) until: Instant,
    measure: Measure,
}

impl Short {
    pub(super) fn why(self) -> &'static str {
        self.measure.words()
    }
}

impl Allowances {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when a reply has said more. To be made before [`Self::take`],
    /// so that no reply is missed.
    pub(super) fn more(&self) -> Notified<'_> {
        self.observed.notified()
    }

    /// Books a request where all limits allow it.
    pub(super) fn take(&self, need: Need) -> Result<Ticket, Short> {
        let mut state = self.state();
        let now = Instant::now();
        let mut short: Option<Short> = None;
        for measure in MEASURES {
            let Some(window) = &mut state.windows[measure as usize] else {
                continue;
            };
            if now >= window.until {
                // All of the limit is there again. Where its size is unknown,
                // one request goes alone, and its reply will tell.
                *window = Window {
                    left: window.limit.unwrap_or(need.of(measure)),
                    limit: window.limit,
                    until: now + USUAL_WINDOW,
                    assumed: true,
                };
            }
            // What is larger than the whole limit goes when all of it is there.
            let least = need.of(measure).min(window.limit.unwrap_or(f64::INFINITY));
            let until = window.until;
            if window.left < least && short.is_none_or(|known| known.until < until) {
                short = Some(Short { until, measure });
            }
        }
        if let Some(short) = short {
            return Err(short);
        }
        for measure in MEASURES {
            if let Some(window) = &mut state.windows[measure as usize] {
                window.left -= need.of(measure);
            }
        }
        state.booked += 1;
        let ticket = state.booked;
        state.in_flight.push(Booked {
            ticket,
            need,
            at: now,
        });
        Ok(ticket)
    }

    /// A booked request is over.
    pub(super) fn done(&self, ticket: Ticket) {
        let mut state = self.state();
        state.in_flight.retain(|other| other.ticket != ticket);
    }

    /// What the reply to a booked request says. Replies overtake each other:
    /// one to an earlier request than the last one heard says nothing new.
    /// Requests in flight that were sent later, or only just before, may not
    /// have been counted in it yet.
    pub(super) fn observe(&self, ticket: Ticket, all: &[Left]) {
        let mut state = self.state();
        if ticket < state.heard {
            return;
        }
        state.heard = ticket;
        let now = Instant::now();
        let own = state.in_flight.iter().find(|own| own.ticket == ticket);
        let booked = own.map_or(now, |own| own.at);
        for measure in MEASURES {
            let index = measure as usize;
            let of_measure = all.iter().filter(|left| left.measure == measure);
            let Some(said) = of_measure.min_by(|a, b| a.left.total_cmp(&b.left)) else {
                // Nobody confirms what was only assumed.
                state.windows[index] = state.windows[index].filter(|window| !window.assumed);
                continue;
            };
            let uncounted = state.in_flight.iter().filter(|other| {
                other.ticket > ticket || (other.ticket < ticket && other.at + ARRIVAL > booked)
            });
            let uncounted: f64 = uncounted.map(|other| other.need.of(measure)).sum();
            let reset = said.reset.unwrap_or(USUAL_WINDOW);
            state.windows[index] = (reset <= LONGEST_WINDOW).then(|| Window {
                left: said.left - uncounted,
                limit: said.limit,
                until: now + reset,
                assumed: false,
            });
        }
        drop(state);
        self.observed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need {
        input: 900,
        output: 100,
    };

    fn said(measure: Measure, left: f64, limit: f64, reset: u64) -> Left {
        Left {
            measure,
            left,
            limit: Some(limit),
            reset: Some(Duration::from_secs(reset)),
        }
    }

    fn short_for(allowances: &Allowances) -> Option<(u64, Measure)> {
        let short = allowances.take(NEED).err()?;
        let wait = short.until.saturating_duration_since(Instant::now());
        Some((wait.as_secs(), short.measure))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_used_and_then_the_reset_is_awaited() {
        let allowances = Allowances::default();
        let first = allowances.take(NEED).expect("nothing is known yet");
        allowances.observe(first, &[said(Measure::Tokens, 2500.0, 10_000.0, 20)]);
        allowances.done(first);
        assert!(allowances.take(NEED).is_ok() && allowances.take(NEED).is_ok());
        assert_eq!(short_for(&allowances), Some((20, Measure::Tokens)));
        tokio::time::advance(Duration::from_secs(20)).await;
        for _ in 0..10 {
            assert!(allowances.take(NEED).is_ok(), "all of it is there again");
        }
        assert_eq!(short_for(&allowances), Some((60, Measure::Tokens)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_that_lasts_longest_is_named() {
        let allowances = Allowances::default();
        let first = allowances.take(NEED).expect("nothing is known yet");
        let all = [
            said(Measure::Requests, 0.0, 3.0, 40),
            said(Measure::Input, 0.0, 10_000.0, 5),
            said(Measure::Output, 9000.0, 10_000.0, 50),
        ];
        allowances.observe(first, &all);
        assert_eq!(short_for(&allowances), Some((40, Measure::Requests)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_unknown_size_is_tried_by_one_request_alone() {
        let allowances = Allowances::default();
        let first = allowances.take(NEED).expect("nothing is known yet");
        let none_left = Left {
            limit: None,
            ..said(Measure::Requests, 0.0, 0.0, 7)
        };
        allowances.observe(first, &[none_left]);
        assert_eq!(short_for(&allowances), Some((7, Measure::Requests)));
        tokio::time::advance(Duration::from_secs(7)).await;
        let scout = allowances.take(NEED).expect("the limit is new");
        assert!(short_for(&allowances).is_some(), "only one goes ahead");
        allowances.observe(scout, &[]);
        assert_eq!(short_for(&allowances), None, "there is no limit any more");
    }

    #[tokio::test(start_paused = true)]
    async fn replies_that_were_overtaken_and_quotas_of_a_day_change_nothing() {
        let allowances = Allowances::default();
        let tickets: Vec<_> = (0..3)
            .map(|_| allowances.take(NEED).expect("free"))
            .collect();
        allowances.observe(tickets[1], &[said(Measure::Requests, 2.0, 3.0, 10)]);
        assert_eq!(
            short_for(&allowances),
            Some((10, Measure::Requests)),
            "the first and the third request may not be counted in it yet"
        );
        allowances.observe(tickets[0], &[said(Measure::Requests, 2.0, 3.0, 10)]);
        assert!(
            short_for(&allowances).is_some(),
            "an earlier reply is old news"
        );
        allowances.observe(tickets[2], &[said(Measure::Requests, 0.0, 3.0, 86_000)]);
        assert_eq!(short_for(&allowances), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_beyond_the_whole_limit_is_not_held_for_ever() {
        let allowances = Allowances::default();
        let first = allowances.take(NEED).expect("nothing is known yet");
        allowances.observe(first, &[said(Measure::Tokens, 400.0, 500.0, 3)]);
        assert_eq!(short_for(&allowances), Some((3, Measure::Tokens)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(allowances.take(NEED).is_ok());
    }
}
