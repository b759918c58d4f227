//! A content management system that a test writes as one function: requests in,
//! replies out, over a JSON document that is its whole database.

use super::http::{Answer, Delivery, Handler, Reply, Request, Server};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Behaviour = Box<dyn Fn(&Call<'_>, &mut Value) -> Reply + Send + Sync>;

/// One request, taken apart.
pub(crate) struct Call<'r> {
    /// The request as it came.
    pub(crate) request: &'r Request,
    /// `GET /path`, decoded.
    pub(crate) what: String,
    /// The body as JSON; null where it is none.
    pub(crate) json: Value,
}

impl Call<'_> {
    /// A parameter of the query, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = self.request.query.split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| decode(key) == name)
            .map(|(_, value)| decode(value))
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.query(name)?.parse().ok()
    }

    /// What follows a prefix of `what`.
    pub(crate) fn after(&self, prefix: &str) -> Option<&str> {
        self.what.strip_prefix(prefix)
    }
}

struct Backend {
    behaviour: Behaviour,
    state: Mutex<(Value, Vec<String>)>,
}

/// The system, listening on loopback until it is dropped.
pub(crate) struct FakeCms {
    server: Server,
    backend: Arc<Backend>,
}

impl FakeCms {
    /// Starts a system with this database.
    pub(crate) fn start(
        database: Value,
        behaviour: impl Fn(&Call<'_>, &mut Value) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let backend = Arc::new(Backend {
            behaviour: Box::new(behaviour),
            state: Mutex::new((database, Vec::new())),
        });
        Self {
            server: Server::start(Arc::clone(&backend)),
            backend,
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The database as it is now.
    pub(crate) fn database(&self) -> Value {
        self.backend.lock().0.clone()
    }

    /// Changes the database.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.backend.lock().0);
    }

    /// The requests so far, as `METHOD /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.backend.lock().1.clone()
    }

    /// Panics where anything but reading was asked of it.
    pub(crate) fn was_only_read(&self) {
        let requests = self.requests();
        let other = requests.iter().find(|request| !request.starts_with("GET "));
        assert_eq!(other, None, "{requests:?}");
    }
}

impl Backend {
    fn lock(&self) -> MutexGuard<'_, (Value, Vec<String>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Backend {
    async fn answer(&self, request: Request) -> Answer {
        let path = percent_decode_str(&request.path).decode_utf8_lossy();
        let call = Call {
            what: format!("{} {path}", request.method),
            json: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
            request: &request,
        };
        let mut state = self.lock();
        state.1.push(call.what.clone());
        Answer {
            reply: (self.behaviour)(&call, &mut state.0),
            delivery: Delivery::Whole,
        }
    }
}
