//! The writer thread: verbs queue up, run in one transaction, and answer after
//! its commit.

use super::CheckpointError;
use crate::archive::SiteName;
use crate::config::Secrets;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Verbs in one commit at most, so that the first of them does not wait for long.
const GROUP: usize = 256;

/// Verbs waiting at most; more make their callers wait.
const QUEUE: usize = 1024;

/// A verb at work: it has run in the transaction and waits to hear whether the
/// commit succeeded.
type Deliver = Box<dyn FnOnce(Result<(), &str>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Deliver + Send>;

/// The open state file. Cheap to clone; the file closes with the last clone.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    jobs: mpsc::Sender<Job>,
    pub(super) path: Arc<PathBuf>,
    pub(super) site: SiteName,
    /// What must not be kept, wherever a site repeats it.
    pub(super) secrets: Arc<Secrets>,
    _thread: Arc<Thread>,
}

#[derive(Debug)]
struct Thread(Option<std::thread::JoinHandle<()>>);

impl Checkpoint {
    pub(super) fn start(connection: Connection, path: PathBuf, site: SiteName) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || serve(&connection, queue))
            .expect("a thread can be started");
        let thread = Arc::new(Thread(Some(thread)));
        Self {
            jobs,
            path: Arc::new(path),
            site,
            secrets: Arc::default(),
            _thread: thread,
        }
    }

    /// The same, which keeps none of these.
    #[must_use]
    pub fn without(self, secrets: Secrets) -> Self {
        let secrets = Arc::new(secrets);
        Self { secrets, ..self }
    }

    /// Runs one verb in the next transaction and returns after its commit.
    pub(super) async fn verb<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CheckpointError> {
        let (answer, answered) = oneshot::channel();
        let path = Arc::clone(&self.path);
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, verb);
            Box::new(move |committed| {
                let path = path.as_ref().clone();
                let result = match (result, committed) {
                    (Err(source), _) => Err(CheckpointError::Sql { path, source }),
                    (Ok(_), Err(why)) => Err(CheckpointError::Commit {
                        path,
                        why: why.to_owned(),
                    }),
                    (Ok(value), Ok(())) => Ok(value),
                };
                // Whoever asked may have been cancelled; the commit stands.
                let _ = answer.send(result);
            })
        });
        self.jobs
            .send(job)
            .await
            .map_err(|_| CheckpointError::Closed)?;
        answered.await.map_err(|_| CheckpointError::Closed)?
    }
}

/// A verb that fails takes back its own changes and nobody else's.
fn in_savepoint<T>(
    connection: &Connection,
    verb: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT verb")?;
    let result = verb(connection);
    let end = if result.is_ok() {
        "RELEASE verb"
    } else {
        "ROLLBACK TO verb; RELEASE verb"
    };
    connection.execute_batch(end)?;
    result
}

fn serve(connection: &Connection, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let began = connection.execute_batch("BEGIN IMMEDIATE");
        let deliveries: Vec<Deliver> = group.drain(..).map(|job| job(connection)).collect();
        let committed = began
            .and_then(|()| connection.execute_batch("COMMIT"))
            .map_err(|error| error.to_string());
        if committed.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        for deliver in deliveries {
            deliver(committed.as_ref().copied().map_err(String::as_str));
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // The thread ends once every sender is gone (a handle's sender is dropped
        // before its share of this); waiting for it makes sure
        // that the file is closed (and its WAL folded in) before the process ends.
        if let Some(thread) = self.0.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
