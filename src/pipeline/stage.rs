//! A stage: takes values from a channel and works on a bounded number of them
//! at once, each in a task of its own, so that a slow neighbour never stops
//! work that is in flight from being polled.

use std::future::Future;
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinError, JoinSet};

/// Runs until the channel is closed and all work is done. The error is a panic
/// in the work: a bug, which the caller turns into the end of the run.
pub(super) async fn stage<I, F, W>(
    mut input: Receiver<I>,
    at_once: usize,
    work: W,
) -> Result<(), JoinError>
where
    W: Fn(I) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() >= at_once.max(1) {
            tasks.join_next().await.transpose()?;
        }
        tokio::select! {
            item = input.recv() => match item {
                Some(item) => drop(tasks.spawn(work(item))),
                None => break,
            },
            Some(done) = tasks.join_next() => done?,
        }
    }
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    Ok(())
}
