//! A site behind HTTP, driven by a description: the contract of [`Site`] on top
//! of a described API, a listing and a supply of images.

use super::api::Api;
use super::credentials::Credentials;
use super::description::Meaning;
use super::explain::explain;
use super::lister::Lister;
use super::listing::Listing;
use super::originals::Originals;
use super::pixels::UrlPixels;
use super::{
    ChangeSet, Explained, Extent, Hardship, Site, SiteError, SiteTraits, Traffic, Written,
};
use crate::archive::{Listed, PhotoId, PixelVersion, Pixels, Reading};
use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt};
use reqwest::StatusCode;
use reqwest::header::IF_MATCH;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// A described site.
#[derive(Debug)]
pub(super) struct RestSite {
    pub(super) api: Arc<Api>,
    pub(super) pixels: PixelSupply,
    pub(super) ids: Ids,
    pub(super) credentials: Credentials,
    /// Stands for the description and the address.
    pub(super) listing_key: String,
}

/// Where ids come from.
#[derive(Clone, Debug)]
pub(super) enum Ids {
    /// From outside: a manifest, a walk through originals.
    Outside(Listing),
    /// From the site.
    Site(Lister),
}

/// Where pixels come from.
#[derive(Debug)]
pub(super) enum PixelSupply {
    Url(Box<UrlPixels>),
    Originals(Originals),
}

#[async_trait]
impl Site for RestSite {
    fn traits(&self) -> SiteTraits {
        let description = &self.api.description;
        let tag = description.tag.as_ref();
        let lists = matches!(self.ids, Ids::Site(_));
        let request = description.list.request.as_ref();
        SiteTraits {
            holds_tag: tag.is_some(),
            machine_tag_is_default: tag.is_some_and(|tag| tag.machine_is_default),
            clears_tag: tag.is_some_and(super::description::TagMap::clears),
            lists,
            lists_changes: lists && request.is_some_and(|request| request.uses("since")),
            languages: false,
        }
    }

    fn list(&self, extent: Extent) -> BoxStream<'static, Result<Listed, SiteError>> {
        match &self.ids {
            Ids::Outside(listing) => {
                let ids = listing.stream();
                ids.map(|item| item.map(Listed::from)).boxed()
            }
            Ids::Site(lister) => {
                let secrets = self.api.secrets.clone();
                let items = lister.stream(extent);
                items
                    .map(move |item| item.map_err(|error| error.masked(&secrets)))
                    .boxed()
            }
        }
    }

    fn total(&self) -> Option<u64> {
        match &self.ids {
            Ids::Outside(listing) => listing.total(),
            Ids::Site(lister) => lister.total(),
        }
    }

    fn mark(&self) -> Option<String> {
        match &self.ids {
            Ids::Outside(_) => None,
            Ids::Site(lister) => lister.mark(),
        }
    }

    fn listing_key(&self) -> &str {
        &self.listing_key
    }

    fn page_size(&self) -> u64 {
        self.api.description.list.limit
    }

    async fn read(&self, id: &PhotoId) -> Result<Reading, SiteError> {
        let read = self.read_photo(id).await;
        read.map_err(|error| error.masked(&self.api.secrets))
    }

    async fn pixel_version(
        &self,
        id: &PhotoId,
        reading: &Reading,
    ) -> Result<Option<PixelVersion>, SiteError> {
        let found = self.version_of(id, reading).await;
        found.map_err(|error| error.masked(&self.api.secrets))
    }

    async fn pixels(&self, id: &PhotoId, reading: &Reading) -> Result<Pixels, SiteError> {
        let fetched = self.fetch_pixels(id, reading).await;
        fetched.map_err(|error| error.masked(&self.api.secrets))
    }

    async fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError> {
        let written = self.send_change(id, change, read).await;
        written.map_err(|error| error.masked(&self.api.secrets))
    }

    fn cleaned(&self, text: &str) -> String {
        self.api.description.cleaned(text)
    }

    async fn explain(&self, photo: Option<PhotoId>) -> Explained {
        let mut explained = explain(self, photo).await;
        for finding in &mut explained.findings {
            finding.text = self.api.secrets.mask(&finding.text).into_owned();
        }
        explained
    }

    fn hardship(&self) -> Option<watch::Receiver<Option<Hardship>>> {
        Some(self.api.shared.hardship())
    }

    fn traffic(&self) -> Traffic {
        self.api.shared.traffic()
    }
}

impl RestSite {
    async fn read_photo(&self, id: &PhotoId) -> Result<Reading, SiteError> {
        let parcel = self.api.reading_parcel(id)?;
        let answer = self.api.courier.exchange(&parcel).await?;
        let meaning = self.api.meaning(&answer);
        if meaning.is_refusal() {
            return Err(self.refused_read(&parcel, &answer, meaning).await);
        }
        let reading = self.api.reading(&parcel, &answer)?;
        self.api.courier.remember(&parcel);
        Ok(reading)
    }

    async fn version_of(
        &self,
        id: &PhotoId,
        reading: &Reading,
    ) -> Result<Option<PixelVersion>, SiteError> {
        if let Some(version) = &reading.pixels {
            return Ok(Some(version.clone()));
        }
        match &self.pixels {
            PixelSupply::Url(pixels) => pixels.version(id, &self.api.parts(id)?, reading).await,
            PixelSupply::Originals(folder) => {
                let found = self.in_folder(folder, id, |folder, id, parts| {
                    folder.version(id, parts).map(Some)
                });
                found.await
            }
        }
    }

    async fn fetch_pixels(&self, id: &PhotoId, reading: &Reading) -> Result<Pixels, SiteError> {
        let pixels = match &self.pixels {
            PixelSupply::Originals(folder) => {
                return self.in_folder(folder, id, Originals::fetch).await;
            }
            PixelSupply::Url(pixels) => pixels,
        };
        let parts = self.api.parts(id)?;
        let fetched = match pixels.fetch(id, &parts, reading).await {
            Err(error @ (SiteError::Missing(_) | SiteError::Photo(_)))
                if pixels.named_by_site() =>
            {
                // Addresses that are signed expire while a photo waits.
                let now = self.read_photo(id).await?;
                if now.image == reading.image {
                    return Err(error);
                }
                pixels.fetch(id, &parts, &now).await?
            }
            other => other?,
        };
        Ok(match &reading.pixels {
            Some(version) => Pixels {
                version: version.clone(),
                ..fetched
            },
            None => fetched,
        })
    }

    async fn send_change(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError> {
        let Some(mut parcel) = self.api.writing_parcel(id, change, read)? else {
            // The text stands there, and the site holds no marks.
            return Ok(Written::Shown(Box::new(read.clone())));
        };
        let api = &self.api;
        let mut answer = api.courier.exchange(&parcel).await?;
        let conditional = parcel.headers.contains_key(IF_MATCH);
        if answer.status == StatusCode::PRECONDITION_FAILED && conditional {
            match self.read_photo(id).await {
                // Weak tags never match by the rules of HTTP, and compression
                // on the way changes strong ones. Nothing has changed, and this
                // look at it is as fresh as the one before a plain write.
                Ok(now) if now == *read => {
                    parcel.headers.remove(IF_MATCH);
                    answer = api.courier.exchange(&parcel).await?;
                    if answer.status.is_success() {
                        api.entity_tags_mislead.store(true, Ordering::Relaxed);
                    }
                }
                Err(SiteError::Cancelled) => return Err(SiteError::Cancelled),
                _ => {}
            }
        }
        match api.meaning(&answer) {
            Meaning::Fine => {
                self.credentials.wrote();
                Ok(api.written(id, &answer))
            }
            Meaning::Conflict => Err(SiteError::Conflict(api.failed(&parcel, &answer))),
            meaning if meaning.is_refusal() => {
                Err(self.refused_write(&parcel, &answer, meaning).await)
            }
            // The photo may be gone; or what does not exist is the address.
            Meaning::Missing if self.read_photo(id).await.is_ok() => {
                Err(SiteError::Photo(format!(
                    "{}, although the photo can be read; check site.update.url",
                    api.failed(&parcel, &answer)
                )))
            }
            _ => Err(api.failure(&parcel, &answer)),
        }
    }

    /// Runs something that reads files where it may block.
    async fn in_folder<T: Send + 'static>(
        &self,
        folder: &Originals,
        id: &PhotoId,
        task: impl FnOnce(&Originals, &PhotoId, &super::address::IdParts<'_>) -> Result<T, SiteError>
        + Send
        + 'static,
    ) -> Result<T, SiteError> {
        self.api.parts(id)?;
        let (folder, id) = (folder.clone(), id.clone());
        let description = Arc::clone(&self.api.description);
        let work = tokio::task::spawn_blocking(move || {
            let parts = description.id.split(id.as_str());
            let parts = parts.expect("the id was taken apart right before");
            task(&folder, &id, &parts)
        });
        let done = self.api.shared.stop.run_until_cancelled(work).await;
        done.ok_or(SiteError::Cancelled)?
            .map_err(|error| SiteError::Photo(format!("reading an original failed: {error}")))?
    }
}
