//! The embedded archive: a real album site on a loopback port inside the
//! process, so that a fresh clone can run the whole job. It speaks the album
//! API of `docs/sites/`, shows photos that the program draws, and keeps what is
//! written to it in a directory, so that a second run sees what the first wrote.
//!
//! `content` (what there is) → `store` (on disk) → `server` (over HTTP);
//! `drawing`, `things`, `canvas` and `jpeg` make the photos.

mod canvas;
mod content;
mod drawing;
mod jpeg;
mod server;
mod store;
mod things;

#[cfg(test)]
mod tests;

use crate::archive::PhotoId;
use secrecy::SecretString;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// Where the archive has a photo's pixels, as a template on its own address.
pub const PIXELS: &str = "/files/cache/{album}/{name}-1280w.jpg";

/// The archive, up and listening. Dropping it stops the server: it takes no new
/// connection, and answers what it has already begun.
pub struct EmbeddedArchive {
    /// `http://127.0.0.1:PORT/`, another port at each start.
    pub base_url: Url,
    /// What the API wants as `Authorization`; random at each start.
    pub token: SecretString,
    /// All photos as `album/name`, in the order of the archive.
    pub ids: Vec<PhotoId>,
    store: Arc<Store>,
    _stop_when_dropped: DropGuard,
}

/// Why the embedded archive can't start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or directory can't be read or written.
    #[error("embedded archive: can't use {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The record of the texts is not what this program writes.
    #[error(
        "embedded archive: {path} is damaged ({why}); delete this file to start the embedded \
         archive afresh"
    )]
    Damaged {
        /// The file to delete.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No port can be opened on the loopback address.
    #[error("embedded archive: can't listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// The operating system gives no random bytes for the token.
    #[error("embedded archive: no random numbers for its token")]
    Random,
}

impl DemoError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl EmbeddedArchive {
    /// Opens the archive in `dir` (created where it is missing, its photos drawn
    /// at the first start) and serves it until the value is dropped.
    pub async fn start(dir: &Path) -> Result<Self, DemoError> {
        let dir = dir.to_owned();
        let (store, ids) = blocking(move || {
            let store = Store::open(&dir)?;
            let ids = store.entries()?.into_iter();
            let ids = ids.map(|entry| PhotoId::new(format!("{}/{}", entry.album, entry.name)));
            Ok::<_, DemoError>((store, ids.collect()))
        })
        .await?;
        let token = random_token()?;
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(DemoError::Listen)?;
        let port = listener.local_addr().map_err(DemoError::Listen)?.port();
        let base_url = Url::parse(&format!("http://127.0.0.1:{port}/"))
            .expect("an address with a port is a URL");
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let store = Arc::new(store);
        let app = server::app(Arc::clone(&store), &token);
        tokio::spawn(async move {
            // It ends only when told to: failed connections are the client's.
            let _ = axum::serve(listener, app)
                .with_graceful_shutdown(stopped)
                .await;
        });
        Ok(Self {
            base_url,
            token,
            ids,
            store,
            _stop_when_dropped: stop.drop_guard(),
        })
    }
}

impl EmbeddedArchive {
    /// Writes `index.html` beside the photos: all of them with their texts as
    /// they are now, to be opened from disk once the server is gone. Returns its
    /// path.
    pub async fn save_page(&self) -> Result<PathBuf, DemoError> {
        let store = Arc::clone(&self.store);
        blocking(move || {
            let page = server::page(&store.entries()?, &server::Pictures::Beside);
            store.save_page(&page)
        })
        .await
    }
}

/// Runs work that blocks on the disk or draws, away from the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn random_token() -> Result<SecretString, DemoError> {
    let mut bytes = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| DemoError::Random)?;
    Ok(blake3::Hash::from_bytes(bytes).to_hex().as_str().into())
}
