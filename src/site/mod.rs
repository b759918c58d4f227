//! The one contract with the archive's owner, and all HTTP to the CMS.
//!
//! A site is described, not programmed: [`open()`] takes a description (a preset
//! is one as a TOML file) and gives the one implementation that follows it.

mod address;
mod body;
mod credentials;
mod description;
mod folder;
mod guard;
mod http;
mod listing;
mod open;
mod parcel;
mod patience;
mod pixels;
mod rest;

#[cfg(test)]
mod tests;

pub use open::open;

use crate::archive::{PhotoId, PixelVersion, Pixels, Reading, Tag};
use async_trait::async_trait;
use futures_util::stream::BoxStream;

/// One change of one photo: the fields that change, with the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// The new alt text; may be empty (undo, decorative).
    pub alt: String,
    /// The new mark; `None` leaves the site's mark alone.
    pub tag: Option<Tag>,
}

/// What a site said to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The reply shows the photo as it is now.
    Shown(Reading),
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

/// What is known of a site before the first photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteTraits {
    /// Whether the site can hold a mark for machine-made texts at all.
    pub holds_tag: bool,
    /// Whether the machine mark is what the field says by itself (0, false,
    /// missing), so that it proves little.
    pub machine_tag_is_default: bool,
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

/// The owner of the photos.
#[async_trait]
pub trait Site: Send + Sync {
    /// What holds for all its photos.
    fn traits(&self) -> SiteTraits;

    /// The ids of all photos, in a stable order. An `Err` item is one unusable
    /// line (`SiteError::Photo`) or the end of the listing (anything else).
    fn list(&self) -> BoxStream<'static, Result<PhotoId, SiteError>>;

    /// Reads one photo.
    async fn read(&self, id: &PhotoId) -> Result<Reading, SiteError>;

    /// Which version of the image the site has now, without fetching it;
    /// `None` where the site doesn't say. The same as [`Site::pixels`] gives as
    /// long as the image is the same.
    async fn pixel_version(&self, id: &PhotoId) -> Result<Option<PixelVersion>, SiteError>;

    /// Fetches the image.
    async fn pixels(&self, id: &PhotoId) -> Result<Pixels, SiteError>;

    /// Sends one change-set, on the strength of what was `read` right before.
    /// Only fields that differ from it are sent, with the tag. A write that may
    /// have arrived is never repeated here.
    async fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError>;

    /// The requests sent so far, for the summary.
    fn traffic(&self) -> Traffic;
}
