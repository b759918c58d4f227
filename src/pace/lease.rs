//! Who may use a server that has room for one thing at a time, such as one
//! model in a graphics card's memory. Users of the same thing share it; users
//! of another wait until nobody uses it any more. There is no queue: as long as
//! one thing is in steady use, changing to another and back would cost more
//! than all the waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One server.
#[derive(Debug, Default)]
pub struct Lease {
    state: Mutex<State>,
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    what: String,
    users: usize,
}

/// The right to use a server with one thing, until it is dropped.
#[derive(Debug)]
pub struct Leased<'a>(&'a Lease);

impl Lease {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server is free for `what`.
    pub async fn take(&self, what: &str) -> Leased<'_> {
        loop {
            let left = self.left.notified();
            {
                let mut state = self.state();
                if state.users == 0 || state.what == what {
                    if state.users == 0 {
                        what.clone_into(&mut state.what);
                    }
                    state.users += 1;
                    return Leased(self);
                }
            }
            left.await;
        }
    }
}

impl Drop for Leased<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.users -= 1;
        let free = state.users == 0;
        drop(state);
        if free {
            self.0.left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Whether a future is ready at once.
    fn now<F: Future>(future: F) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn one_thing_is_shared_and_another_waits_until_nobody_uses_it() {
        let lease = Lease::default();
        let first = lease.take("a").await;
        let second = now(lease.take("a")).expect("the same thing is shared");
        let mut other = Box::pin(lease.take("b"));
        let waker = Context::from_waker(Waker::noop()).waker().clone();
        let mut context = Context::from_waker(&waker);
        assert!(other.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(other.as_mut().poll(&mut context).is_pending());
        assert!(now(lease.take("a")).is_some(), "it is still in use");
        drop(second);
        assert!(other.as_mut().poll(&mut context).is_ready());
    }
}
