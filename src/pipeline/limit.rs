//! `--limit N`: so many places for photos that are generated or written. A
//! photo that turns out to need neither gives its place back.

use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) struct Limit {
    places: Option<Mutex<Places>>,
    changed: Notify,
}

#[derive(Debug)]
struct Places {
    free: u64,
    taken: u64,
}

/// Whether there is a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Yes, and it is taken now.
    Taken,
    /// No, and there will be none.
    None,
}

impl Limit {
    pub(super) fn new(limit: Option<u64>) -> Self {
        let places = limit.map(|free| Mutex::new(Places { free, taken: 0 }));
        Self {
            places,
            changed: Notify::new(),
        }
    }

    /// Takes a place; waits while all are taken but one may yet be given back.
    pub(super) async fn take(&self) -> Place {
        let Some(places) = &self.places else {
            return Place::Taken;
        };
        loop {
            let changed = self.changed.notified();
            {
                let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
                if places.free > 0 {
                    places.free -= 1;
                    places.taken += 1;
                    return Place::Taken;
                }
                if places.taken == 0 {
                    return Place::None;
                }
            }
            changed.await;
        }
    }

    /// The photo with this place is done, and has used it or not.
    pub(super) fn done(&self, used: bool) {
        if let Some(places) = &self.places {
            let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
            places.taken = places.taken.saturating_sub(1);
            if !used {
                places.free += 1;
            }
        }
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_that_was_not_used_is_given_to_another() {
        let limit = Limit::new(Some(1));
        assert_eq!(limit.take().await, Place::Taken);
        let (second, ()) = tokio::join!(limit.take(), async { limit.done(false) });
        assert_eq!(second, Place::Taken);
        let (third, ()) = tokio::join!(limit.take(), async { limit.done(true) });
        assert_eq!(third, Place::None);
    }
}
