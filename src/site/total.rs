//! How many photos a listing has, told before its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::WeakSender;

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

    /// Counts on a thread of its own, beside a listing that sends what it finds, and
    /// gives up once that has ended. `walk` calls its sink for each photo.
    pub(super) fn count<T: Send + 'static>(
        &self,
        listed: WeakSender<T>,
        walk: impl FnOnce(&mut dyn FnMut() -> ControlFlow<()>) + Send + 'static,
    ) {
        let total = self.clone();
        let count = move || {
            let mut count = 0;
            let mut ended = false;
            walk(&mut || {
                count += 1;
                ended = listed.upgrade().is_none_or(|sender| sender.is_closed());
                if ended {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            if !ended {
                total.tell(count);
            }
        };
        // Without the thread there is no total, which nobody depends on.
        let _ = std::thread::Builder::new()
            .name("count".to_owned())
            .spawn(count);
    }
}
