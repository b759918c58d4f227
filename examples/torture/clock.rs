//! A clock that stands still while the machine has no time for us. Whoever shares
//! a busy machine at the lowest priority may wait for seconds for its turn; that is
//! no wait of the program under test.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the clock moves on.
const TICK: Duration = Duration::from_millis(20);

/// What a tick counts at most: longer ones were late.
const LONGEST: Duration = Duration::from_millis(60);

static MILLISECONDS: LazyLock<AtomicU64> = LazyLock::new(|| {
    std::thread::spawn(|| {
        loop {
            let began = Instant::now();
            std::thread::sleep(TICK);
            let took = began.elapsed().min(LONGEST).as_millis();
            let took = u64::try_from(took).unwrap_or(0);
            MILLISECONDS.fetch_add(took, Ordering::Relaxed);
        }
    });
    AtomicU64::new(0)
});

/// A moment on this clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(MILLISECONDS.load(Ordering::Relaxed))
    }

    /// The time since then.
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_millis(MILLISECONDS.load(Ordering::Relaxed) - self.0)
    }
}
