//! The read right before a write, and how long ago it was: what a person does
//! between the two is what a write could destroy.

use super::shared::Shared;
use crate::archive::{PhotoId, Reading};
use crate::site::SiteError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How much longer than the site's quickest answer it may be, from sending the
/// read to sending the write. The journal is written in between; a full disk
/// queue, a locked state file, or a machine that was asleep take longer.
const WINDOW: Duration = Duration::from_secs(2);

/// A photo as the site showed it.
pub(super) struct Fresh {
    pub(super) reading: Reading,
    asked: Asked,
}

/// When the site was asked, by the clock that stands still while the machine
/// sleeps and by the one that jumps.
#[derive(Clone, Copy)]
struct Asked {
    steady: Instant,
    wall: SystemTime,
}

/// The quickest answer to such a read in a run, in milliseconds: a slow site is
/// not read twice for being slow.
#[derive(Debug)]
pub(super) struct Quickest(AtomicU64);

impl Default for Quickest {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Quickest {
    fn answered_within(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_min(millis, Ordering::Relaxed);
    }

    /// How old a read may be when the write is sent.
    fn window(&self) -> Duration {
        WINDOW.saturating_add(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

impl Asked {
    fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// How long ago that was, by the clock that makes more of it.
    fn age(self) -> Duration {
        let now = SystemTime::now();
        let forward = now.duration_since(self.wall);
        let by_wall = forward.unwrap_or_else(|backward| backward.duration());
        self.steady.elapsed().max(by_wall)
    }
}

impl Fresh {
    /// Reads a photo whose text may be written next.
    pub(super) async fn read(shared: &Shared, photo: &PhotoId) -> Result<Self, SiteError> {
        let asked = Asked::now();
        let reading = shared.site.read(photo).await?;
        shared.quickest.answered_within(asked.age());
        Ok(Self { reading, asked })
    }

    /// What the reply to a write shows, which came now.
    pub(super) fn of_reply(reading: Reading) -> Self {
        let asked = Asked::now();
        Self { reading, asked }
    }

    /// Whether too much time went by since the site was asked.
    pub(super) fn is_old(&self, quickest: &Quickest) -> bool {
        self.asked.age() > quickest.window()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_read_grows_old_unless_the_site_is_always_that_slow() {
        let quickest = Quickest::default();
        quickest.answered_within(Duration::from_millis(20));
        let fresh = Fresh::of_reply(Reading::default());
        assert!(!fresh.is_old(&quickest));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(fresh.is_old(&quickest));

        let slow = Quickest::default();
        slow.answered_within(Duration::from_secs(10));
        slow.answered_within(Duration::from_secs(12));
        assert!(!fresh.is_old(&slow));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(fresh.is_old(&slow));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_slept_or_jumped_counts_too() {
        let quickest = Quickest::default();
        quickest.answered_within(Duration::ZERO);
        let hour = Duration::from_secs(3600);
        for wall in [SystemTime::now() - hour, SystemTime::now() + hour] {
            let steady = Instant::now();
            let asked = Asked { steady, wall };
            let reading = Reading::default();
            assert!(Fresh { reading, asked }.is_old(&quickest));
        }
    }
}
