//! How many photos a listing has, told before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Unknown until it is told. Cheap to clone; all clones know the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Total(Arc<AtomicU64>);

impl Total {
    /// Another listing begins.
    pub(super) fn forget(&self) {
        self.tell(0);
    }

    /// Zero is as good as unknown: an empty listing ends at once.
    pub(super) fn tell(&self, photos: u64) {
        self.0.store(photos, Ordering::Relaxed);
    }

    pub(super) fn known(&self) -> Option<u64> {
        let photos = self.0.load(Ordering::Relaxed);
        (photos > 0).then_some(photos)
    }

    /// Counts on a thread of its own, beside the listing.
    pub(super) fn count(&self, count: impl FnOnce() -> u64 + Send + 'static) {
        let total = self.clone();
        // Without the thread there is no total, which nobody depends on.
        let _ = std::thread::Builder::new()
            .name("count".to_owned())
            .spawn(move || total.tell(count()));
    }
}
