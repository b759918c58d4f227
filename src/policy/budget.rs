//! Money: estimates are reserved before a call is sent and replaced by what the
//! reply says. There are two limits, either of which may be missing: one for
//! the run, and one for all runs of a calendar day.

use crate::archive::{Moment, Usd};

const DAY: i64 = 86_400_000;

/// A calendar day in UTC: the same everywhere, without hours that a change of
/// the clocks adds or takes away, and the day by which providers bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcDay(i64);

impl UtcDay {
    /// The day of a moment.
    pub fn of(moment: Moment) -> Self {
        Self(moment.0.div_euclid(DAY))
    }

    /// Its first moment.
    pub fn start(self) -> Moment {
        Moment(self.0.saturating_mul(DAY))
    }

    /// The first moment of the next day.
    pub fn end(self) -> Moment {
        Moment(self.0.saturating_add(1).saturating_mul(DAY))
    }
}

/// What a run may spend, has spent and may yet have to pay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    run: Account,
    day: Option<(UtcDay, Account)>,
}

/// One limit with what counts against it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Account {
    limit: Option<Usd>,
    spent: Usd,
    reserved: Usd,
}

/// Which of the limits is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// That of the run.
    Run,
    /// That of the day.
    Day,
}

/// Whether a call may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reserve {
    /// Its estimate is reserved.
    Granted(Reservation),
    /// Not now; calls in flight may turn out cheaper than reserved.
    Wait,
    /// Not any more.
    Exhausted(Ceiling),
}

/// An estimate that is set aside until the call is settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reservation {
    estimate: Usd,
    day: UtcDay,
}

impl Budget {
    /// A budget with this limit for the run, or without one.
    pub fn new(run: Option<Usd>) -> Self {
        Self {
            run: Account {
                limit: run,
                ..Account::default()
            },
            day: None,
        }
    }

    /// The same with a limit for each day, of which so much of today's is spent.
    #[must_use]
    pub fn with_day(self, limit: Usd, today: UtcDay, spent: Usd) -> Self {
        let account = Account {
            limit: Some(limit),
            spent,
            reserved: Usd::default(),
        };
        Self {
            day: Some((today, account)),
            ..self
        }
    }

    /// Asks for an estimate before sending. What costs nothing, as far as
    /// anybody knows, is always granted.
    pub fn reserve(&mut self, estimate: Usd, today: UtcDay) -> Reserve {
        self.turn_to(today);
        let reservation = Reservation {
            estimate,
            day: today,
        };
        if estimate.0 <= 0.0 {
            return Reserve::Granted(reservation);
        }
        let day = self.day.as_ref().map(|(_, account)| account);
        let rooms = [
            (Ceiling::Run, self.run.room(estimate)),
            (
                Ceiling::Day,
                day.map_or(Room::Enough, |day| day.room(estimate)),
            ),
        ];
        if let Some((ceiling, _)) = rooms.iter().find(|(_, room)| *room == Room::Never) {
            return Reserve::Exhausted(*ceiling);
        }
        if rooms.iter().any(|(_, room)| *room == Room::Later) {
            return Reserve::Wait;
        }
        self.run.reserved.0 += estimate.0;
        if let Some((_, day)) = &mut self.day {
            day.reserved.0 += estimate.0;
        }
        Reserve::Granted(reservation)
    }

    /// Whether what is spent and what is reserved are still within every limit.
    /// They are not once a call cost more than its estimate.
    pub fn holds(&self) -> bool {
        let day = self.day.as_ref().map(|(_, account)| account);
        [Some(&self.run), day]
            .into_iter()
            .flatten()
            .all(Account::holds)
    }

    /// Replaces a reservation by what was really spent.
    pub fn settle(&mut self, reservation: Reservation, cost: Usd) {
        self.run.settle(reservation.estimate, cost);
        // A call belongs to the day on which it was sent.
        if let Some((day, account)) = &mut self.day
            && *day == reservation.day
        {
            account.settle(reservation.estimate, cost);
        }
    }

    /// A new day begins with nothing spent. A clock that was set back does not
    /// begin one.
    fn turn_to(&mut self, today: UtcDay) {
        if let Some((day, account)) = &mut self.day
            && today > *day
        {
            *day = today;
            account.spent = Usd::default();
            account.reserved = Usd::default();
        }
    }

    /// What the run spent so far.
    pub fn spent(&self) -> Usd {
        self.run.spent
    }

    /// What counts against a limit, and the limit.
    pub fn account(&self, ceiling: Ceiling) -> (Usd, Option<Usd>) {
        let account = match (ceiling, self.day) {
            (Ceiling::Day, Some((_, day))) => day,
            (Ceiling::Day, None) => Account::default(),
            (Ceiling::Run, _) => self.run,
        };
        (account.spent, account.limit)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Enough,
    Later,
    Never,
}

impl Account {
    fn holds(&self) -> bool {
        // Sums of fractions are never quite exact.
        let sum = (self.spent.0 + self.reserved.0) * (1.0 - 1e-9);
        self.limit.is_none_or(|limit| sum <= limit.0)
    }

    fn room(&self, estimate: Usd) -> Room {
        let fits = |sum: f64| self.limit.is_none_or(|limit| sum <= limit.0);
        if fits(self.spent.0 + self.reserved.0 + estimate.0) {
            Room::Enough
        } else if self.reserved.0 > 0.0 && fits(self.spent.0 + estimate.0) {
            Room::Later
        } else {
            Room::Never
        }
    }

    fn settle(&mut self, estimate: Usd, cost: Usd) {
        self.reserved.0 = (self.reserved.0 - estimate.0).max(0.0);
        // Sums of fractions leave dust that would look like calls in flight.
        if self.reserved.0 < 1e-9 {
            self.reserved.0 = 0.0;
        }
        self.spent.0 += cost.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TODAY: UtcDay = UtcDay(20_000);
    const TOMORROW: UtcDay = UtcDay(20_001);

    #[test]
    fn a_call_that_costs_more_than_its_estimate_is_noticed_before_the_next() {
        let mut budget = Budget::new(Some(Usd(1.0)));
        let first = granted(budget.reserve(Usd(0.1), TODAY));
        let second = granted(budget.reserve(Usd(0.1), TODAY));
        assert!(budget.holds());
        budget.settle(first, Usd(5.0));
        assert!(!budget.holds());
        budget.settle(second, Usd(0.0));
        assert!(!budget.holds());
        let mut exact = Budget::new(Some(Usd(0.75)));
        for _ in 0..3 {
            granted(exact.reserve(Usd(0.25), TODAY));
        }
        assert!(exact.holds());
    }

    fn granted(reserve: Reserve) -> Reservation {
        match reserve {
            Reserve::Granted(reservation) => reservation,
            other => panic!("not granted: {other:?}"),
        }
    }

    #[test]
    fn the_limit_holds_over_what_is_spent_and_reserved() {
        let mut budget = Budget::new(Some(Usd(0.01)));
        let first = granted(budget.reserve(Usd(0.006), TODAY));
        assert_eq!(budget.reserve(Usd(0.006), TODAY), Reserve::Wait);
        budget.settle(first, Usd(0.001));
        let second = granted(budget.reserve(Usd(0.006), TODAY));
        budget.settle(second, Usd(0.006));
        let third = budget.reserve(Usd(0.006), TODAY);
        assert_eq!(third, Reserve::Exhausted(Ceiling::Run));
        assert_eq!(budget.spent(), Usd(0.007));
    }

    #[test]
    fn without_a_limit_everything_is_granted() {
        granted(Budget::new(None).reserve(Usd(1e9), TODAY));
    }

    #[test]
    fn a_day_goes_on_where_earlier_runs_left_it() {
        let mut budget = Budget::new(None).with_day(Usd(1.0), TODAY, Usd(0.95));
        let fits = granted(budget.reserve(Usd(0.04), TODAY));
        assert_eq!(budget.reserve(Usd(0.04), TODAY), Reserve::Wait);
        budget.settle(fits, Usd(0.04));
        assert_eq!(
            budget.reserve(Usd(0.04), TODAY),
            Reserve::Exhausted(Ceiling::Day)
        );
        assert_eq!(budget.account(Ceiling::Day), (Usd(0.99), Some(Usd(1.0))));
    }

    #[test]
    fn a_new_day_begins_with_nothing_spent_and_late_replies_belong_to_the_old_one() {
        let mut budget = Budget::new(None).with_day(Usd(1.0), TODAY, Usd(0.2));
        let late = granted(budget.reserve(Usd(0.8), TODAY));
        let early = granted(budget.reserve(Usd(0.9), TOMORROW));
        budget.settle(late, Usd(0.8));
        assert_eq!(budget.account(Ceiling::Day).0, Usd(0.0));
        budget.settle(early, Usd(0.9));
        assert_eq!(budget.account(Ceiling::Day).0, Usd(0.9));
        // The clock is set back: the day does not begin anew.
        assert_eq!(
            budget.reserve(Usd(0.2), TODAY),
            Reserve::Exhausted(Ceiling::Day)
        );
    }

    #[test]
    fn what_costs_nothing_is_granted_even_when_all_is_spent() {
        let mut budget = Budget::new(Some(Usd(0.0))).with_day(Usd(1.0), TODAY, Usd(2.0));
        granted(budget.reserve(Usd(0.0), TODAY));
        assert_eq!(
            budget.reserve(Usd(0.1), TODAY),
            Reserve::Exhausted(Ceiling::Run)
        );
    }

    #[test]
    fn days_begin_at_midnight_utc() {
        let noon = Moment(1_763_683_200_000 + DAY / 2);
        let day = UtcDay::of(noon);
        assert_eq!(day.start(), Moment(1_763_683_200_000));
        assert_eq!(UtcDay::of(day.end()), UtcDay(day.0 + 1));
        assert_eq!(UtcDay::of(Moment(-1)), UtcDay(-1));
    }

    proptest! {
        /// Whatever is asked and whatever it costs in the end (never more than
        /// estimated), neither limit is exceeded.
        #[test]
        fn no_limit_is_exceeded(
            run in 0.0..2.0_f64,
            day in 0.0..2.0_f64,
            before in 0.0..1.0_f64,
            calls in prop::collection::vec((0.0..0.5_f64, 0.0..=1.0_f64, any::<bool>()), 0..60),
        ) {
            let mut budget = Budget::new(Some(Usd(run))).with_day(Usd(day), TODAY, Usd(before));
            let mut open = Vec::new();
            for (estimate, share, settles) in calls {
                if let Reserve::Granted(reservation) = budget.reserve(Usd(estimate), TODAY) {
                    open.push((reservation, estimate * share));
                }
                if settles && let Some((reservation, cost)) = open.pop() {
                    budget.settle(reservation, Usd(cost));
                }
            }
            for (reservation, cost) in open {
                budget.settle(reservation, Usd(cost));
            }
            prop_assert!(budget.account(Ceiling::Run).0.0 <= run + 1e-6);
            prop_assert!(budget.account(Ceiling::Day).0.0 <= day.max(before) + 1e-6);
        }
    }
}
