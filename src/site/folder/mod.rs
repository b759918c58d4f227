//! A folder that is a site: a tree of photos, with their texts in XMP sidecars
//! beside them or in one file. The same contract as a site behind HTTP.
//!
//! Everything here may block, so it runs where that is allowed.

mod csv;
mod explain;
mod file;
mod json;
mod ledger;
mod list;
mod naming;
mod replace;
mod sidecar;
mod spellings;
mod tree;
mod trouble;

use super::walk;
use super::{ChangeSet, Explained, Extent, Site, SiteError, SiteTraits, Traffic, Written};
use crate::archive::{Fingerprint, Listed, PhotoId, PixelVersion, Pixels, Reading};
use crate::config::{FolderSettings, FolderTexts};
use crate::{photo, xmp};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use ledger::Ledger;
use list::Lister;
use sidecar::Sidecars;
use spellings::Spellings;
use std::collections::HashSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;
use tree::{Place, Tree};

/// A folder of photos.
#[derive(Clone, Debug)]
pub(super) struct FolderSite {
    inner: Arc<Inner>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    tree: Tree,
    sidecars: Sidecars,
    /// The file that holds all texts, in place of sidecars.
    ledger: Option<Ledger>,
    lister: Lister,
    listing_key: String,
    max_bytes: u64,
    /// Directories in which rests of killed runs were looked for.
    swept: Mutex<HashSet<PathBuf>>,
    reads: AtomicU64,
    writes: AtomicU64,
    pixels: AtomicU64,
}

impl FolderSite {
    /// Opens a folder. Nothing is written.
    pub(super) fn open(
        settings: &FolderSettings,
        max_bytes: u64,
        stop: CancellationToken,
    ) -> Result<Self, SiteError> {
        let tree = Tree::open(&settings.dir)?;
        let (ledger, texts, shown) = match &settings.texts {
            FolderTexts::Sidecars(_) => (None, None, String::new()),
            FolderTexts::File(path) => {
                let ledger = Ledger::open(&tree, path)?;
                (Some(ledger), Some(path.clone()), path.display().to_string())
            }
        };
        let name = match settings.texts {
            FolderTexts::Sidecars(name) => name,
            FolderTexts::File(_) => crate::config::SidecarName::Full,
        };
        let listing_key = Fingerprint::new("folder")
            .part("dir", tree.path.as_os_str().as_encoded_bytes())
            .part("texts", shown.as_bytes())
            .part("language", settings.language.as_str().as_bytes())
            .finish();
        let spellings = Spellings::default();
        Ok(Self {
            inner: Arc::new(Inner {
                lister: Lister::new(tree.clone(), texts, spellings.clone()),
                sidecars: Sidecars {
                    language: settings.language.to_string(),
                    name,
                    spellings,
                },
                tree,
                ledger,
                listing_key,
                max_bytes,
                swept: Mutex::default(),
                reads: AtomicU64::new(0),
                writes: AtomicU64::new(0),
                pixels: AtomicU64::new(0),
            }),
            stop,
        })
    }

    /// Runs something that reads files where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Inner) -> Result<T, SiteError> + Send + 'static,
    ) -> Result<T, SiteError> {
        let inner = Arc::clone(&self.inner);
        let work = tokio::task::spawn_blocking(move || task(&inner));
        let done = self.stop.run_until_cancelled(work).await;
        done.ok_or(SiteError::Cancelled)?
            .map_err(|error| SiteError::Photo(format!("looking at a photo failed: {error}")))?
    }
}

#[async_trait]
impl Site for FolderSite {
    fn traits(&self) -> SiteTraits {
        let ledger = self.inner.ledger.as_ref().map(Ledger::survey);
        SiteTraits {
            holds_tag: !matches!(ledger, Some(Ok((_, false, _)))),
            machine_tag_is_default: false,
            clears_tag: true,
            lists: true,
            lists_changes: true,
            languages: ledger.is_none(),
        }
    }

    fn list(&self, extent: Extent) -> BoxStream<'static, Result<Listed, SiteError>> {
        self.inner.lister.stream(extent)
    }

    fn total(&self) -> Option<u64> {
        self.inner.lister.total()
    }

    fn mark(&self) -> Option<String> {
        self.inner.lister.mark()
    }

    fn listing_key(&self) -> &str {
        &self.inner.listing_key
    }

    /// A listing costs no more than a look at each photo's name and time, so it is
    /// always worth its while.
    fn page_size(&self) -> u64 {
        1
    }

    async fn read(&self, id: &PhotoId) -> Result<Reading, SiteError> {
        let id = id.clone();
        self.blocking(move |inner| inner.read(&id)).await
    }

    async fn pixel_version(
        &self,
        id: &PhotoId,
        _reading: &Reading,
    ) -> Result<Option<PixelVersion>, SiteError> {
        let id = id.clone();
        self.blocking(move |inner| inner.version(&id).map(Some))
            .await
    }

    async fn pixels(&self, id: &PhotoId, _reading: &Reading) -> Result<Pixels, SiteError> {
        let id = id.clone();
        self.blocking(move |inner| inner.fetch(&id)).await
    }

    async fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError> {
        self.inner.writes.fetch_add(1, Ordering::Relaxed);
        let (photo, change, read) = (id.clone(), change.clone(), read.clone());
        let shown = if let Some(ledger) = &self.inner.ledger {
            let (at, there) = (photo.clone(), read.clone());
            let elsewhere = self.blocking(move |inner| Ok(inner.stands_elsewhere(&at, &there)));
            let elsewhere = elsewhere.await?;
            let written = ledger.write(&photo, &change, (&read, elsewhere)).await?;
            let at = photo.clone();
            self.blocking(move |inner| inner.with_album(&at, written))
                .await
        } else {
            // Not given up half-way: it takes but a moment, and its end is known.
            let inner = Arc::clone(&self.inner);
            let work = tokio::task::spawn_blocking(move || inner.write(&photo, &change, &read));
            let failed = |error| SiteError::OutcomeUnknown(format!("{id}: {error}"));
            work.await.map_err(failed)?
        };
        Ok(Written::Shown(Box::new(shown?)))
    }

    fn cleaned(&self, text: &str) -> String {
        let mut buffer = [0; 4];
        match self.inner.ledger {
            Some(_) => text.to_owned(),
            None => text
                .chars()
                .filter(|it| xmp::legal(it.encode_utf8(&mut buffer)))
                .collect(),
        }
    }

    async fn explain(&self, photo: Option<PhotoId>) -> Explained {
        let explained = self.blocking(move |inner| Ok(explain::explain(inner, photo)));
        explained.await.unwrap_or_default().into()
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            reads: self.inner.reads.load(Ordering::Relaxed),
            writes: self.inner.writes.load(Ordering::Relaxed),
            pixels: self.inner.pixels.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    fn read(&self, id: &PhotoId) -> Result<Reading, SiteError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let Some(ledger) = &self.ledger else {
            let texts = self.sidecars.texts(&self.tree, id)?;
            return Ok(in_album(id, texts.reading()));
        };
        self.with_album(id, ledger.read(id)?)
    }

    /// What one file says of a photo, with what its sidecars say beside the alt
    /// text. A text that stands elsewhere already is a person's, who must not be
    /// written over by a file that says nothing.
    fn with_album(&self, id: &PhotoId, row: Reading) -> Result<Reading, SiteError> {
        let elsewhere = match self.sidecars.texts(&self.tree, id) {
            Ok(texts) => texts.reading(),
            // A sidecar that can't be read concerns us only where we write it.
            Err(SiteError::Photo(why)) => {
                self.tree.photo(id)?;
                tracing::debug!("{why}");
                Reading::default()
            }
            Err(error) => return Err(error),
        };
        let silent = row.alt_text().trim().is_empty() && row.tag.is_none();
        let (alt, tag) = if silent && !elsewhere.alt_text().trim().is_empty() {
            (elsewhere.alt, elsewhere.tag)
        } else {
            (row.alt, row.tag)
        };
        let reading = Reading {
            alt,
            tag,
            marking: row.marking,
            ..elsewhere
        };
        Ok(in_album(id, reading))
    }

    /// Whether a text that was read stands in a sidecar or in the image itself.
    fn stands_elsewhere(&self, id: &PhotoId, read: &Reading) -> bool {
        let texts = self.sidecars.texts(&self.tree, id);
        let alt = texts.ok().and_then(|texts| texts.reading().alt);
        alt.is_some_and(|alt| !alt.trim().is_empty() && alt == read.alt_text())
    }

    fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Reading, SiteError> {
        let place = self.tree.place(id)?;
        self.sweep(&place);
        let written = self.sidecars.write(&self.tree, id, change, read)?;
        Ok(in_album(id, written))
    }

    /// Looks for rests of killed runs, once in each directory that is written to.
    fn sweep(&self, place: &Place) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.insert(place.path.clone()) {
            replace::sweep(place);
        }
    }

    fn version(&self, id: &PhotoId) -> Result<PixelVersion, SiteError> {
        let (place, mut file, metadata) = self.tree.photo(id)?;
        let mark = photo::picture_mark(&mut file);
        let path = place.path.join(&place.name);
        let mark = mark.map_err(|error| self.tree.trouble(&path, "read", &error))?;
        Ok(mark.map_or_else(|| walk::version(&metadata), PixelVersion::new))
    }

    fn fetch(&self, id: &PhotoId) -> Result<Pixels, SiteError> {
        self.pixels.fetch_add(1, Ordering::Relaxed);
        let (bytes, metadata) = sidecar::pixels(&self.tree, id, self.max_bytes)?;
        let mark = photo::picture_mark(&mut Cursor::new(&bytes)).ok().flatten();
        let version = mark.map_or_else(|| walk::version(&metadata), PixelVersion::new);
        Ok(Pixels { bytes, version })
    }
}

/// A reading with the album: the directory that the photo lies in.
fn in_album(id: &PhotoId, reading: Reading) -> Reading {
    let album = Path::new(id.as_str()).parent().and_then(Path::to_str);
    Reading {
        album: album.filter(|album| !album.is_empty()).map(str::to_owned),
        ..reading
    }
}
