//! Writes that the site's limits hold back while it answers everything else: who
//! may try again, for how long, and what it means if that was in vain.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// How often a write is sent at least, however long the pauses are that the site
/// asked for.
const TRIES: u32 = 3;

/// What all writes of a run know of the site's limits.
#[derive(Debug)]
pub(super) struct Throttle {
    /// How long one write may be held back.
    patience: Duration,
    /// Held by the write that is tried again. Each try is a read and a write, and
    /// the reads of several would use up what the site allows before any of them
    /// gets to its write.
    turn: tokio::sync::Mutex<()>,
    /// Texts that arrived.
    landed: AtomicU64,
    /// How many had arrived when patience with a photo was last over.
    given_up: Mutex<Option<u64>>,
}

/// One write that was held back.
pub(super) struct HeldBack<'a> {
    throttle: &'a Throttle,
    _turn: MutexGuard<'a, ()>,
    since: Instant,
    landed: u64,
    times: u32,
}

/// What to do with a write that was held back once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Read again, and send it again.
    Left,
    /// It may be this photo: texts of others arrived meanwhile, or no other was
    /// held back so long.
    OverForThisPhoto,
    /// The second photo, and no text arrived in between: it is the site.
    OverForTheSite,
}

impl Throttle {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            turn: tokio::sync::Mutex::default(),
            landed: AtomicU64::default(),
            given_up: Mutex::default(),
        }
    }

    /// A text arrived.
    pub(super) fn landed(&self) {
        self.landed.fetch_add(1, Ordering::Relaxed);
    }

    /// Patience with a photo is over that was first held back when so many texts had
    /// arrived.
    fn give_up(&self, then: u64) -> Patience {
        let landed = self.landed.load(Ordering::Relaxed);
        let mut last = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if landed == then && *last == Some(landed) {
            return Patience::OverForTheSite;
        }
        *last = Some(landed);
        Patience::OverForThisPhoto
    }

    /// Waits for the turn of a write that was held back for the first time.
    pub(super) async fn hold_back(&self) -> HeldBack<'_> {
        HeldBack {
            throttle: self,
            _turn: self.turn.lock().await,
            since: Instant::now(),
            landed: self.landed.load(Ordering::Relaxed),
            times: 0,
        }
    }
}

impl HeldBack<'_> {
    /// Counts one try that was held back.
    pub(super) fn again(&mut self) -> Patience {
        self.times += 1;
        if self.times < TRIES || self.since.elapsed() < self.throttle.patience {
            Patience::Left
        } else {
            self.throttle.give_up(self.landed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_the_time_and_never_before_three_tries() {
        let throttle = Throttle::new(MINUTE);
        let mut held = throttle.hold_back().await;
        assert_eq!(held.again(), Patience::Left);
        tokio::time::advance(MINUTE * 15).await;
        assert_eq!(held.again(), Patience::Left, "one long pause");
        assert_eq!(held.again(), Patience::OverForThisPhoto, "the first one");

        drop(held);
        let mut held = throttle.hold_back().await;
        for _ in 0..59 {
            assert_eq!(held.again(), Patience::Left);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(held.again(), Patience::OverForTheSite);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_the_photo_where_other_texts_arrive() {
        let throttle = Throttle::new(MINUTE);
        throttle.landed();
        let mut held = throttle.hold_back().await;
        for _ in 0..TRIES {
            assert_eq!(held.again(), Patience::Left);
            tokio::time::advance(MINUTE / 3).await;
        }
        assert_eq!(held.again(), Patience::OverForThisPhoto, "the first one");
        throttle.landed();
        assert_eq!(held.again(), Patience::OverForThisPhoto);
        assert_eq!(
            held.again(),
            Patience::OverForThisPhoto,
            "one has landed since"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_before_its_turn_does_not_count() {
        let throttle = Throttle::new(MINUTE);
        let first = throttle.hold_back().await;
        let second = async {
            let mut held = throttle.hold_back().await;
            (1..=TRIES).map(|_| held.again()).last()
        };
        let wait = async {
            tokio::time::sleep(MINUTE * 2).await;
            drop(first);
        };
        assert_eq!(tokio::join!(second, wait).0, Some(Patience::Left));
    }
}
