//! How long a site is given: what one setback means for its request, in the
//! light of what the site's other requests met. No request is sent from here.

use crate::archive::PhotoId;
use crate::policy::retry::{LONGEST_OBEYED_WAIT, backoff};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Tries of one request after which the trouble is looked into: is it the site,
/// or this photo? With the usual backoff that is after about five seconds.
const TRIES: u32 = 4;

/// Setbacks farther apart than this (plus the waits in between) are two
/// troubles, not one: a run may leave the site alone for hours.
const ONE_TROUBLE: Duration = Duration::from_secs(60);

/// Why an attempt brought no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// 429: not executed, and to be sent again.
    Throttled,
    /// No connection: nothing was sent.
    Unreachable,
    /// The site was reached and failed, or the answer was lost on the way.
    Failed,
    /// We don't go there: an address that this request may not reach.
    Barred,
}

/// One attempt that failed.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) setback: Setback,
    /// The wait the site asked for.
    pub(super) wait: Option<Duration>,
    /// What a person is told, without photo and address.
    pub(super) text: String,
}

/// How patient to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long the site may fail everybody before it counts as down.
    pub(super) outage: Duration,
    /// The first wait; it doubles.
    pub(super) first_wait: Duration,
    /// The longest wait we choose ourselves.
    pub(super) longest_wait: Duration,
    /// How long one attempt may take.
    pub(super) timeout: Duration,
}

/// What to do next with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send it again after this time.
    Wait(Duration),
    /// Ask for something that is known to work; if that works, it is this
    /// photo, otherwise send again after this time.
    Probe(Duration),
    /// Only this photo is in trouble.
    Photo,
    /// The site is down.
    Outage,
    /// The site was never reached: the address is wrong.
    Settings,
}

/// Who named the host a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The settings.
    Configured,
    /// A redirect.
    Redirected,
}

/// How all requests of one kind to a site fare.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Anything ever came back, an error page included.
    reached: bool,
    /// Usable answers so far.
    answers: u64,
    streak: Option<Streak>,
}

/// Setbacks in a row, with no usable answer in between.
#[derive(Debug)]
struct Streak {
    since: Instant,
    lapses: Instant,
    first: PhotoId,
    several: bool,
}

/// The tries of one request.
#[derive(Debug, Default)]
pub(super) struct Tries {
    count: u32,
    /// When the first one failed, and how many answers there had been.
    first: Option<(Instant, u64)>,
    /// How many answers there had been when the last one was sent.
    answers: u64,
}

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
struct View {
    target: Target,
    reached: bool,
    tries: u32,
    /// Since this request's first setback.
    own: Duration,
    /// Another request got its answer since then.
    others_fare_well: bool,
    /// Since the first setback after which nobody got an answer.
    streak: Duration,
    /// Different photos are affected.
    several: bool,
}

impl Tries {
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Whether a person should hear, once, what is being waited for.
    pub(super) fn grow_long(&self) -> bool {
        self.count == TRIES
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came back.
    pub(super) fn reached(&self) {
        self.state().reached = true;
    }

    /// Whether anything ever came back.
    pub(super) fn was_reached(&self) -> bool {
        self.state().reached
    }

    /// A usable answer came back: whatever the trouble was, it is over.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        state.answers += 1;
        state.streak = None;
    }

    /// Another try is sent now.
    pub(super) fn sends(&self, tries: &mut Tries) {
        tries.answers = self.state().answers;
    }

    /// Notes a setback and says what to do. `jitter` is in `0.0..=1.0`.
    pub(super) fn setback(
        &self,
        (photo, target): (&PhotoId, Target),
        tries: &mut Tries,
        trouble: &Trouble,
        patience: Patience,
        jitter: f64,
    ) -> Next {
        let now = Instant::now();
        let mut state = self.state();
        let answers = state.answers;
        let (since, before) = *tries.first.get_or_insert((now, answers));
        tries.count += 1;
        let wait = trouble.wait.unwrap_or_default().max(patience.longest_wait);
        let lapses = now + wait.min(LONGEST_OBEYED_WAIT) + patience.timeout + ONE_TROUBLE;
        let streak = match state.streak.take().filter(|streak| streak.lapses >= now) {
            Some(streak) => Streak {
                lapses: lapses.max(streak.lapses),
                several: streak.several || streak.first != *photo,
                ..streak
            },
            None => Streak {
                since: now,
                lapses,
                first: photo.clone(),
                several: false,
            },
        };
        let view = View {
            target,
            reached: state.reached,
            tries: tries.count,
            own: now - since,
            // An answer from after it was sent may be the first one of a site that
            // is back.
            others_fare_well: tries.answers > before,
            streak: now - streak.since,
            several: streak.several,
        };
        state.streak = Some(streak);
        drop(state);
        let wait = trouble.wait.unwrap_or_else(|| {
            backoff(
                tries.count,
                patience.first_wait,
                patience.longest_wait,
                jitter,
            )
        });
        decide(view, trouble.setback, wait, patience.outage)
    }
}

/// The decision itself. A single failure never ends anything: a request is
/// always tried twice, however long the site has been in trouble.
fn decide(view: View, setback: Setback, wait: Duration, outage: Duration) -> Next {
    let looked_into = view.tries >= TRIES;
    let redirected = view.target == Target::Redirected;
    let site_is_down = view.tries >= 2 && view.streak >= outage;
    if wait > LONGEST_OBEYED_WAIT {
        return Next::Outage;
    }
    match setback {
        Setback::Barred => Next::Photo,
        Setback::Throttled if site_is_down => Next::Outage,
        Setback::Throttled if view.others_fare_well && view.own >= outage => Next::Photo,
        Setback::Throttled => Next::Wait(wait),
        // Where a redirect leads is the redirecting photo's own trouble, unless
        // it is where the others are led as well.
        _ if redirected && looked_into && !view.several => Next::Photo,
        // Nobody waits ten minutes for a mistyped address.
        Setback::Unreachable if !view.reached && !redirected => {
            if looked_into {
                Next::Settings
            } else {
                Next::Wait(wait)
            }
        }
        _ if view.others_fare_well && looked_into => Next::Photo,
        // No photo can make a connection fail, but one can make a page fail.
        Setback::Unreachable if site_is_down => Next::Outage,
        Setback::Failed if site_is_down && view.several => Next::Outage,
        Setback::Failed if site_is_down => Next::Photo,
        Setback::Failed if looked_into && !redirected => Next::Probe(wait),
        Setback::Failed | Setback::Unreachable => Next::Wait(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    const PATIENCE: Patience = Patience {
        outage: Duration::from_secs(600),
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
    };

    const FAILED: Trouble = Trouble {
        setback: Setback::Failed,
        wait: None,
        text: String::new(),
    };

    fn view() -> View {
        View {
            target: Target::Configured,
            reached: true,
            tries: 1,
            own: S(0),
            others_fare_well: false,
            streak: S(0),
            several: false,
        }
    }

    fn next(view: View, setback: Setback) -> Next {
        decide(view, setback, S(1), S(600))
    }

    #[test]
    fn a_photo_alone_in_trouble_gets_four_tries() {
        for setback in [Setback::Failed, Setback::Unreachable] {
            let fine = |tries| View {
                tries,
                others_fare_well: true,
                ..view()
            };
            assert_eq!(next(fine(3), setback), Next::Wait(S(1)));
            assert_eq!(next(fine(4), setback), Next::Photo);
        }
    }

    #[test]
    fn when_nobody_fares_well_the_site_is_waited_for_and_then_is_down() {
        let at = |seconds, tries| View {
            tries,
            streak: S(seconds),
            several: true,
            ..view()
        };
        assert_eq!(next(at(599, 3), Setback::Failed), Next::Wait(S(1)));
        assert_eq!(next(at(599, 30), Setback::Failed), Next::Probe(S(1)));
        assert_eq!(next(at(599, 30), Setback::Unreachable), Next::Wait(S(1)));
        for setback in [Setback::Failed, Setback::Unreachable, Setback::Throttled] {
            assert_eq!(next(at(600, 2), setback), Next::Outage, "{setback:?}");
            assert_eq!(next(at(600, 1), setback), Next::Wait(S(1)), "{setback:?}");
        }
    }

    #[test]
    fn one_photo_that_fails_for_long_is_no_outage() {
        let lonely = View {
            tries: 30,
            streak: S(700),
            ..view()
        };
        assert_eq!(next(lonely, Setback::Failed), Next::Photo);
        assert_eq!(next(lonely, Setback::Unreachable), Next::Outage);
    }

    #[test]
    fn an_address_that_never_answered_is_wrong_after_four_tries() {
        let never = |tries| View {
            tries,
            reached: false,
            ..view()
        };
        assert_eq!(next(never(3), Setback::Unreachable), Next::Wait(S(1)));
        assert_eq!(next(never(4), Setback::Unreachable), Next::Settings);
        assert_eq!(next(never(4), Setback::Failed), Next::Probe(S(1)));
        let redirected = View {
            target: Target::Redirected,
            ..never(4)
        };
        assert_eq!(next(redirected, Setback::Unreachable), Next::Photo);
        let all_led_there = View {
            several: true,
            ..redirected
        };
        for setback in [Setback::Unreachable, Setback::Failed] {
            assert_eq!(next(all_led_there, setback), Next::Wait(S(1)));
        }
    }

    #[test]
    fn throttling_is_obeyed_without_counting_tries() {
        let many = View {
            tries: 50,
            others_fare_well: true,
            own: S(599),
            ..view()
        };
        assert_eq!(next(many, Setback::Throttled), Next::Wait(S(1)));
        let long = View {
            own: S(600),
            ..many
        };
        assert_eq!(next(long, Setback::Throttled), Next::Photo);
        let asked = |seconds| decide(view(), Setback::Throttled, S(seconds), S(600));
        assert_eq!(asked(3600), Next::Wait(S(3600)));
        assert_eq!(asked(3601), Next::Outage);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_setback_is_no_part_of_a_new_trouble() {
        let health = Health::default();
        let fail = |photo: &str, tries: &mut Tries| {
            let photo = PhotoId::new(photo);
            health.setback((&photo, Target::Configured), tries, &FAILED, PATIENCE, 1.0)
        };
        fail("a/1", &mut Tries::default());
        tokio::time::advance(S(3600)).await;
        let mut tries = Tries::default();
        assert_eq!(fail("a/2", &mut tries), Next::Wait(S(1)));
        assert_eq!(fail("a/2", &mut tries), Next::Wait(S(2)));
        // Without a gap the same two setbacks grow into an outage.
        for _ in 0..6 {
            tokio::time::advance(S(100)).await;
            fail("a/3", &mut tries);
        }
        assert_eq!(fail("a/3", &mut tries), Next::Outage);
        health.answered();
        assert_eq!(fail("a/3", &mut Tries::default()), Next::Wait(S(1)));
    }

    #[test]
    fn an_answer_from_after_a_try_was_sent_says_nothing_about_its_photo() {
        let health = Health::default();
        health.reached();
        let (photo, mut tries) = (PhotoId::new("a/1"), Tries::default());
        let mut fail = |meanwhile: &dyn Fn()| {
            health.sends(&mut tries);
            meanwhile();
            let place = (&photo, Target::Configured);
            health.setback(place, &mut tries, &FAILED, PATIENCE, 1.0)
        };
        for _ in 1..TRIES {
            assert!(matches!(fail(&|| {}), Next::Wait(_)));
        }
        let back = fail(&|| health.answered());
        assert!(matches!(back, Next::Probe(_)), "{back:?}");
        assert_eq!(fail(&|| {}), Next::Photo);
    }
}
