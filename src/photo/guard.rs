//! Keeps a decoder's panic where it happens: the photo fails, the process
//! doesn't, and nothing is printed over the progress bars.
//!
//! A panic hook belongs to the whole process, so none is installed behind
//! anybody's back: `main` calls [`hush_decoder_panics`] once. Without that call
//! panics are caught all the same; they only leave their usual message on
//! stderr.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::thread;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// jpeg-decoder moves its arithmetic to short-lived threads of this name (its
/// `worker/multithreaded.rs`). A panic there comes back to the guarded thread
/// as a panic of its own, so its message is of no use either.
const WORKER_THREAD: &str = "worker thread for component";

/// Installs a panic hook that is silent for panics that this room catches and
/// leaves all others to the hook that was there before. To be called once, by
/// `main`, after any other hook is installed.
pub fn hush_decoder_panics() {
    let previous = take_hook();
    set_hook(Box::new(move |panic| {
        if !is_caught() {
            previous(panic);
        }
    }));
}

/// Runs a decoder; `None` if it panicked.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = GUARDED.replace(true);
    // Nothing that the work touched is looked at after a panic: it owns all of
    // its state but the bytes, which it cannot change.
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.ok()
}

/// Whether a panic on this thread is caught by [`guarded`].
fn is_caught() -> bool {
    GUARDED.get()
        || thread::current()
            .name()
            .is_some_and(|name| name.starts_with(WORKER_THREAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_at_the_guard() {
        hush_decoder_panics();
        assert_eq!(guarded(|| 7), Some(7));
        let none: Option<()> = guarded(|| panic!("this text must not be seen"));
        assert_eq!(none, None);
    }

    #[test]
    fn only_guarded_panics_are_silent() {
        assert!(!is_caught());
        assert_eq!(guarded(is_caught), Some(true));
        let _: Option<()> = guarded(|| panic!("expected by this test"));
        assert!(!is_caught());
    }
}
