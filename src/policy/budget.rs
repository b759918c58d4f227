//! Money: estimates are reserved before a call is sent and replaced by what the
//! reply says.

use crate::archive::Usd;

/// What a run may spend, has spent and may yet have to pay.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    limit: Option<Usd>,
    spent: Usd,
    reserved: Usd,
}

/// Whether a call may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// Its estimate is reserved.
    Granted,
    /// Not now; calls in flight may turn out cheaper than reserved.
    Wait,
    /// Not any more.
    Exhausted,
}

impl Budget {
    /// A budget with this limit, or without one.
    pub fn new(limit: Option<Usd>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Asks for an estimate before sending.
    pub fn reserve(&mut self, estimate: Usd) -> Reserve {
        let fits = |sum: f64| self.limit.is_none_or(|limit| sum <= limit.0);
        if fits(self.spent.0 + self.reserved.0 + estimate.0) {
            self.reserved.0 += estimate.0;
            Reserve::Granted
        } else if self.reserved.0 > 0.0 && fits(self.spent.0 + estimate.0) {
            Reserve::Wait
        } else {
            Reserve::Exhausted
        }
    }

    /// Replaces a reservation by what was really spent.
    pub fn settle(&mut self, estimate: Usd, cost: Usd) {
        self.reserved.0 = (self.reserved.0 - estimate.0).max(0.0);
        // Sums of fractions leave dust that would look like calls in flight.
        if self.reserved.0 < 1e-9 {
            self.reserved.0 = 0.0;
        }
        self.spent.0 += cost.0;
    }

    /// What was spent so far.
    pub fn spent(&self) -> Usd {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_over_what_is_spent_and_reserved() {
        let mut budget = Budget::new(Some(Usd(0.01)));
        assert_eq!(budget.reserve(Usd(0.006)), Reserve::Granted);
        assert_eq!(budget.reserve(Usd(0.006)), Reserve::Wait);
        budget.settle(Usd(0.006), Usd(0.001));
        assert_eq!(budget.reserve(Usd(0.006)), Reserve::Granted);
        budget.settle(Usd(0.006), Usd(0.006));
        assert_eq!(budget.reserve(Usd(0.006)), Reserve::Exhausted);
        assert_eq!(budget.spent(), Usd(0.007));
    }

    #[test]
    fn without_a_limit_everything_is_granted() {
        assert_eq!(Budget::new(None).reserve(Usd(1e9)), Reserve::Granted);
    }
}
