//! A server that takes notifications: pings and messages, well-behaved or not.

use super::http::{Answer, Delivery, Handler, Reply, Request, Server};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a receiver does with a request whose path begins so.
#[derive(Clone)]
struct Manner {
    path: String,
    reply: Reply,
    delivery: Delivery,
    times: Option<usize>,
}

#[derive(Default)]
struct Desk {
    requests: Mutex<Vec<Request>>,
    manners: Mutex<Vec<Manner>>,
}

impl Handler for Desk {
    async fn answer(&self, request: Request) -> Answer {
        let mut manners = self.manners.lock().unwrap_or_else(PoisonError::into_inner);
        let manner = manners
            .iter_mut()
            .find(|manner| manner.times != Some(0) && request.path.starts_with(&manner.path));
        let (reply, delivery) = match manner {
            Some(manner) => {
                manner.times = manner.times.map(|times| times - 1);
                (manner.reply.clone(), manner.delivery)
            }
            None => (Reply::bytes(200, "text/plain", "OK"), Delivery::Whole),
        };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request);
        Answer { reply, delivery }
    }
}

/// Takes notifications until it is dropped.
pub(crate) struct Receiver {
    server: Server,
    desk: Arc<Desk>,
}

impl Receiver {
    /// Listens on loopback and takes everything.
    pub(crate) fn start() -> Self {
        let desk = Arc::new(Desk::default());
        Self {
            server: Server::start(Arc::clone(&desk)),
            desk,
        }
    }

    /// Its address with this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    /// Answers requests whose path begins so, so many times (always, without a
    /// number), with this.
    pub(crate) fn answers(&self, path: &str, times: Option<usize>, reply: Reply) {
        self.behaves(path, times, reply, Delivery::Whole);
    }

    /// Takes requests whose path begins so and says nothing.
    pub(crate) fn hangs(&self, path: &str) {
        self.behaves(path, None, Reply::empty(200), Delivery::Never);
    }

    fn behaves(&self, path: &str, times: Option<usize>, reply: Reply, delivery: Delivery) {
        let manner = Manner {
            path: path.to_owned(),
            reply,
            delivery,
            times,
        };
        let mut manners = self
            .desk
            .manners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        manners.push(manner);
    }

    /// Refuses connections for a time.
    pub(crate) fn down_for(&self, time: Duration) {
        self.server.down_for(time);
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let requests = self
            .desk
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        requests.clone()
    }

    /// Method and path of all requests so far, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let requests = self.requests();
        let heard = requests.iter();
        heard
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Forgets the requests, those included that nobody waits for any more.
    pub(crate) fn forget(&self) {
        self.server.catch_up();
        self.desk
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
