//! The one contract with the archive's owner, and all HTTP to the CMS.
//!
//! A site behind HTTP is described, not programmed: [`open()`] takes a description (a
//! preset is one as a TOML file) and gives the one implementation that follows it. A
//! folder of photos is a site too, and the other implementation.

mod address;
mod api;
mod body;
mod cleaning;
mod credentials;
mod description;
pub mod discover;
mod explain;
mod folder;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guard;
mod html;
mod http;
mod lister;
mod listing;
mod may_write;
mod open;
mod originals;
mod paging;
mod parcel;
mod patience;
mod pixels;
mod presets;
mod rest;
mod total;
mod walk;

#[cfg(test)]
mod tests;

pub use description::TagChange;
pub use explain::{Explained, Finding, Finds};
pub use open::open;
pub use presets::{described, id_fault};

use crate::archive::{Listed, PhotoId, PixelVersion, Pixels, Reading};
use crate::config::Secrets;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use std::time::Duration;
use tokio::sync::watch;

/// One change of one photo: the fields that change, with the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// The new alt text; may be empty (undo, decorative).
    pub alt: String,
    /// What happens to the site's mark.
    pub tag: TagChange,
}

/// What a site said to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The reply shows the photo as it is now.
    Shown(Box<Reading>),
    /// Accepted, but the reply shows nothing: read again to confirm.
    Unshown,
}

/// Requests that were sent to a site; those that found no connection are not
/// counted, repeated ones each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Reads of metadata, those included that probe the credentials or whether
    /// the site is up.
    pub reads: u64,
    /// Updates, successful or not.
    pub writes: u64,
    /// Requests for images or their headers.
    pub pixels: u64,
}

/// A site that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardship {
    /// For how long at least, until it is asked again.
    pub wait: Duration,
    /// What it said, or that it said nothing.
    pub why: String,
}

/// What is known of a site before the first photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "six facts, each named where it is used"
)]
pub struct SiteTraits {
    /// Whether the site can hold a mark for machine-made texts at all.
    pub holds_tag: bool,
    /// Whether the machine mark is what the field says by itself (0, false,
    /// missing), so that it proves little.
    pub machine_tag_is_default: bool,
    /// Whether a mark can be taken away again.
    pub clears_tag: bool,
    /// Whether the site itself says which photos it has, so that one that is
    /// gone is no failure.
    pub lists: bool,
    /// Whether it can list only what changed since a moment.
    pub lists_changes: bool,
    /// Whether a photo has a text for each language there; otherwise the one text
    /// that it has is meant, whatever the language of the settings.
    pub languages: bool,
}

/// How much of the archive is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// What changed since this mark, which [`Site::mark`] gave.
    Since(String),
}

/// What went wrong with a site. The text names the photo or the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// 404 or 410: this photo only.
    #[error("{0}")]
    Missing(String),
    /// This photo only: the site refuses it, or answers something unusable.
    #[error("{0}")]
    Photo(String),
    /// The answer is not what the API would say (HTML, half a JSON). One such
    /// answer is this photo's; many in a row mean a wrong address.
    #[error("{0}")]
    NotApi(String),
    /// The photo changed since it was read (409, 412).
    #[error("{0}")]
    Conflict(String),
    /// A write may or may not have reached the site: read again.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// A write certainly did not happen, and would have had to wait: read again,
    /// since a person may have written meanwhile.
    #[error("{0}")]
    NotSent(String),
    /// The site is down or overloaded, for longer than our patience.
    #[error("{0}")]
    Outage(String),
    /// Credentials or settings are wrong: nothing can succeed.
    #[error("{0}")]
    Settings(String),
    /// The run is being stopped. A write that ends so was not executed.
    #[error("stopped")]
    Cancelled,
}

impl SiteError {
    /// The same about another text.
    fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Missing(text) => Self::Missing(change(text)),
            Self::Photo(text) => Self::Photo(change(text)),
            Self::NotApi(text) => Self::NotApi(change(text)),
            Self::Conflict(text) => Self::Conflict(change(text)),
            Self::OutcomeUnknown(text) => Self::OutcomeUnknown(change(text)),
            Self::NotSent(text) => Self::NotSent(change(text)),
            Self::Outage(text) => Self::Outage(change(text)),
            Self::Settings(text) => Self::Settings(change(text)),
            Self::Cancelled => Self::Cancelled,
        }
    }

    /// The same without secrets: a server may repeat a token anywhere, in the
    /// path of a redirect for instance, and errors are kept.
    fn masked(self, secrets: &Secrets) -> Self {
        self.map(|text| secrets.mask(&text).into_owned())
    }
}

/// The owner of the photos.
#[async_trait]
pub trait Site: Send + Sync {
    /// What holds for all its photos.
    fn traits(&self) -> SiteTraits;

    /// The photos, in a stable order, with what the listing says of each. An
    /// `Err` item is one unusable line (`SiteError::Photo`) or the end of the
    /// listing (anything else). One photo may come twice. Where the site can't
    /// list what changed, all are listed.
    fn list(&self, extent: Extent) -> BoxStream<'static, Result<Listed, SiteError>>;

    /// About how many photos the listing has that is being read, as soon as that is
    /// known: for whoever watches it.
    fn total(&self) -> Option<u64> {
        None
    }

    /// Where a later listing can take up the last one, once that has come to its
    /// end; `None` where it can't.
    fn mark(&self) -> Option<String>;

    /// Stands for everything that a listing depends on. A mark is of no use once
    /// this has changed.
    fn listing_key(&self) -> &str;

    /// Photos that one request of a listing brings at most.
    fn page_size(&self) -> u64;

    /// Reads one photo.
    async fn read(&self, id: &PhotoId) -> Result<Reading, SiteError>;

    /// Which version of the image the site has now, without fetching it;
    /// `None` where the site doesn't say. The same as [`Site::pixels`] gives as
    /// long as the image is the same.
    async fn pixel_version(
        &self,
        id: &PhotoId,
        reading: &Reading,
    ) -> Result<Option<PixelVersion>, SiteError>;

    /// Fetches the image of a photo that reads so.
    async fn pixels(&self, id: &PhotoId, reading: &Reading) -> Result<Pixels, SiteError>;

    /// Sends one change-set, on the strength of what was `read` right before.
    /// Only fields that differ from it are sent, with the tag. A write that may
    /// have arrived is never repeated here.
    async fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError>;

    /// What the site is known to make of a text that is sent.
    fn cleaned(&self, text: &str) -> String;

    /// Tries everything that a run does but writing, on one photo: the named one,
    /// or the first of the listing. For whoever describes the site; a site that is
    /// not described has nothing to explain.
    async fn explain(&self, photo: Option<PhotoId>) -> Explained {
        drop(photo);
        Explained::default()
    }

    /// Whether the site is waited for, as it changes; `None` where nobody ever
    /// waits for it.
    fn hardship(&self) -> Option<watch::Receiver<Option<Hardship>>> {
        None
    }

    /// The requests sent so far, for the summary.
    fn traffic(&self) -> Traffic;
}
