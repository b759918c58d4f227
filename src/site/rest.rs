//! A site behind HTTP, driven by a description: what is sent to read and to
//! write a photo, and what the answers mean.

use super::address::{Base, IdParts, shown};
use super::credentials::Credentials;
use super::description::{Description, Method, Unfit, Update};
use super::folder::Folder;
use super::http::Courier;
use super::listing::Listing;
use super::parcel::{Answer, Body, Parcel, Purpose, Shared, status_text};
use super::patience::Target;
use super::pixels::{UrlPixels, is_html_type, looks_like_html};
use super::{ChangeSet, Site, SiteError, SiteTraits, Traffic, Written};
use crate::archive::{PhotoId, PixelVersion, Pixels, Reading};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, LOCATION,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

/// Bytes of an API reply. A photo's metadata is a thousandth of that; what is
/// larger is something else.
const LARGEST_REPLY: u64 = 8 * 1024 * 1024;

/// Characters that are quoted of what an error reply says.
const QUOTED: usize = 200;

/// A described site.
#[derive(Debug)]
pub(super) struct RestSite {
    pub(super) description: Arc<Description>,
    pub(super) base: Base,
    pub(super) api: Courier,
    pub(super) shared: Arc<Shared>,
    pub(super) token: Option<SecretString>,
    /// The header that carries the token.
    pub(super) credential: Option<(HeaderName, HeaderValue)>,
    pub(super) pixels: PixelSupply,
    pub(super) listing: Listing,
    pub(super) credentials: Credentials,
    /// The site refuses what it said itself: its entity tags are of no use for
    /// conditional writes.
    pub(super) entity_tags_mislead: AtomicBool,
}

/// Where pixels come from.
#[derive(Debug)]
pub(super) enum PixelSupply {
    Url(Box<UrlPixels>),
    Folder(Folder),
}

#[async_trait]
impl Site for RestSite {
    fn traits(&self) -> SiteTraits {
        let default = self.description.tag_is_default();
        SiteTraits {
            holds_tag: default.is_some(),
            machine_tag_is_default: default.unwrap_or(false),
        }
    }

    fn list(&self) -> BoxStream<'static, Result<PhotoId, SiteError>> {
        self.listing.stream()
    }

    async fn read(&self, id: &PhotoId) -> Result<Reading, SiteError> {
        let parcel = self.reading_parcel(id)?;
        let answer = self.api.exchange(&parcel).await?;
        if is_refusal(answer.status) {
            return Err(self.refused_read(&parcel, answer.status).await);
        }
        let reading = self.reading(&parcel, &answer)?;
        self.api.remember(&parcel);
        Ok(reading)
    }

    async fn pixel_version(&self, id: &PhotoId) -> Result<Option<PixelVersion>, SiteError> {
        match &self.pixels {
            PixelSupply::Url(pixels) => pixels.version(id, &self.parts(id)?).await,
            PixelSupply::Folder(folder) => {
                let found = self.in_folder(folder, id, |folder, id, parts| {
                    folder.version(id, parts).map(Some)
                });
                found.await
            }
        }
    }

    async fn pixels(&self, id: &PhotoId) -> Result<Pixels, SiteError> {
        match &self.pixels {
            PixelSupply::Url(pixels) => pixels.fetch(id, &self.parts(id)?).await,
            PixelSupply::Folder(folder) => self.in_folder(folder, id, Folder::fetch).await,
        }
    }

    async fn write(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Written, SiteError> {
        let mut parcel = self.writing_parcel(id, change, read)?;
        let mut answer = self.api.exchange(&parcel).await?;
        let conditional = parcel.headers.contains_key(IF_MATCH);
        if answer.status == StatusCode::PRECONDITION_FAILED && conditional {
            match self.read(id).await {
                // Weak tags never match by the rules of HTTP, and compression
                // on the way changes strong ones. Nothing has changed, and this
                // look at it is as fresh as the one before a plain write.
                Ok(now) if now == *read => {
                    parcel.headers.remove(IF_MATCH);
                    answer = self.api.exchange(&parcel).await?;
                    if answer.status.is_success() {
                        self.entity_tags_mislead.store(true, Ordering::Relaxed);
                    }
                }
                Err(SiteError::Cancelled) => return Err(SiteError::Cancelled),
                _ => {}
            }
        }
        match answer.status.as_u16() {
            200..=299 => {
                self.credentials.wrote();
                Ok(self.written(id, &answer))
            }
            409 | 412 => Err(SiteError::Conflict(self.failed(&parcel, &answer))),
            401 | 403 => Err(self.refused_write(&parcel, answer.status).await),
            _ => Err(self.failure(&parcel, &answer)),
        }
    }

    fn traffic(&self) -> Traffic {
        self.shared.traffic()
    }
}

/// Whether a status speaks of credentials.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403)
}

impl RestSite {
    fn parts<'a>(&'a self, id: &'a PhotoId) -> Result<IdParts<'a>, SiteError> {
        let split = self.description.id.split(id.as_str());
        split.map_err(|why| SiteError::Photo(format!("\"{}\": {why}", id.as_str().escape_debug())))
    }

    fn parcel(&self, id: &PhotoId, method: Method, url: Url) -> Parcel {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = &self.credential {
            headers.insert(name.clone(), value.clone());
        }
        Parcel {
            photo: id.clone(),
            purpose: Purpose::Read,
            target: Target::Configured,
            method: match method {
                Method::Get => reqwest::Method::GET,
                Method::Post => reqwest::Method::POST,
                Method::Put => reqwest::Method::PUT,
                Method::Patch => reqwest::Method::PATCH,
            },
            url,
            headers,
            body: None,
            most: LARGEST_REPLY,
        }
    }

    /// The request that shows a photo.
    pub(super) fn reading_parcel(&self, id: &PhotoId) -> Result<Parcel, SiteError> {
        let read = &self.description.read;
        let url = self.base.join(&read.url, &self.parts(id)?);
        let url = url.map_err(|why| SiteError::Photo(format!("{id}: {why}")))?;
        Ok(self.parcel(id, read.method, url))
    }

    fn writing_parcel(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Parcel, SiteError> {
        let update = &self.description.update;
        let parts = self.parts(id)?;
        let url = self.base.join(&update.url, &parts);
        let url = url.map_err(|why| SiteError::Photo(format!("{id}: {why}")))?;
        let mut parcel = self.parcel(id, update.method, url);
        let content_type = HeaderValue::from_str(&update.content_type);
        let content_type = content_type.map_err(|_| {
            SiteError::Settings("the content type of updates is no header value".to_owned())
        })?;
        parcel.headers.insert(CONTENT_TYPE, content_type);
        let etag = read
            .etag
            .as_deref()
            .filter(|_| !self.entity_tags_mislead.load(Ordering::Relaxed))
            .and_then(|etag| HeaderValue::from_str(etag).ok());
        if let Some(etag) = etag {
            parcel.headers.insert(IF_MATCH, etag);
        }
        // Only what changes is sent; but a change-set that says nothing new and
        // sets no mark is still the caller's wish.
        let same = change.tag.is_some() && read.alt.as_ref() == Some(&change.alt);
        let update = Update {
            alt: (!same).then_some(change.alt.as_str()),
            tag: change.tag,
        };
        parcel.body = Some(self.description.body(update, &parts).to_string());
        parcel.purpose = Purpose::Write;
        Ok(parcel)
    }

    /// What a reply to a read says.
    pub(super) fn reading(&self, parcel: &Parcel, answer: &Answer) -> Result<Reading, SiteError> {
        if !answer.status.is_success() {
            return Err(self.failure(parcel, answer));
        }
        let strange = |what: &str| {
            SiteError::NotApi(format!(
                "{parcel}: answered with {what} where a photo's JSON should be; \
                 check site.base_url"
            ))
        };
        if let Body::TooLarge = answer.body {
            return Err(strange(&format!("more than {LARGEST_REPLY} bytes")));
        }
        let item = json(answer).map_err(|what| strange(&what))?;
        let id = &parcel.photo;
        match self.description.reading(&item, &self.parts(id)?) {
            Ok(reading) => Ok(Reading {
                etag: answer.header(ETAG).map(str::to_owned),
                ..reading
            }),
            Err(Unfit::BadAlt(why)) => Err(SiteError::Photo(format!("{parcel}: {why}"))),
            Err(Unfit::NotAPhoto(what)) => Err(strange(&what)),
        }
    }

    /// What a successful reply to a write shows.
    fn written(&self, id: &PhotoId, answer: &Answer) -> Written {
        let shown = json(answer)
            .ok()
            .filter(|item| self.description.shows_alt(item));
        let reading = shown.and_then(|item| {
            let parts = self.parts(id).ok()?;
            self.description.reading(&item, &parts).ok()
        });
        reading.map_or(Written::Unshown, |reading| {
            Written::Shown(Reading {
                etag: answer.header(ETAG).map(str::to_owned),
                ..reading
            })
        })
    }

    /// An answer that is neither success nor refusal.
    fn failure(&self, parcel: &Parcel, answer: &Answer) -> SiteError {
        match answer.status.as_u16() {
            300..=399 => SiteError::NotApi(format!(
                "{parcel}: {} to {}, which is not followed; check site.base_url",
                status_text(answer.status),
                destination(parcel, answer)
            )),
            404 | 410 => SiteError::Missing(self.failed(parcel, answer)),
            _ => SiteError::Photo(self.failed(parcel, answer)),
        }
    }

    /// The sentence about an answer that is an error, with the site's words.
    fn failed(&self, parcel: &Parcel, answer: &Answer) -> String {
        let status = status_text(answer.status);
        match self.complaint(answer) {
            Some(words) => format!("{parcel}: {status} (\"{words}\")"),
            None => format!("{parcel}: {status}"),
        }
    }

    fn complaint(&self, answer: &Answer) -> Option<String> {
        let reply = json(answer).ok()?;
        let words = self.description.complaint(&reply)?;
        // Some servers repeat the request in their errors, token included.
        let told = |token: &SecretString| words.contains(token.expose_secret());
        if self.token.as_ref().is_some_and(told) {
            return None;
        }
        let plain = words.chars().filter(|c| !c.is_control());
        Some(plain.take(QUOTED).collect())
    }

    /// Runs something that reads files where it may block.
    async fn in_folder<T: Send + 'static>(
        &self,
        folder: &Folder,
        id: &PhotoId,
        task: impl FnOnce(&Folder, &PhotoId, &IdParts<'_>) -> Result<T, SiteError> + Send + 'static,
    ) -> Result<T, SiteError> {
        self.parts(id)?;
        let (folder, id) = (folder.clone(), id.clone());
        let description = Arc::clone(&self.description);
        let work = tokio::task::spawn_blocking(move || {
            let parts = description.id.split(id.as_str());
            let parts = parts.expect("the id was taken apart right before");
            task(&folder, &id, &parts)
        });
        let done = self.shared.stop.run_until_cancelled(work).await;
        done.ok_or(SiteError::Cancelled)?
            .map_err(|error| SiteError::Photo(format!("reading an original failed: {error}")))?
    }
}

/// Reads a reply as JSON, or says what it is instead.
fn json(answer: &Answer) -> Result<Value, String> {
    let bytes = answer.bytes();
    // PHP files saved with a byte order mark put it before every reply.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let media_type = answer.header(CONTENT_TYPE);
        let of = format!(
            "({}, {})",
            media_type.unwrap_or("no content type"),
            answer.status.as_u16()
        );
        if bytes.trim_ascii().is_empty() {
            format!("an empty page {of}")
        } else if media_type.is_some_and(is_html_type) || looks_like_html(bytes) {
            format!("an HTML page {of}")
        } else if error.is_eof() {
            format!("half a JSON text {of}")
        } else {
            let (line, column) = (error.line(), error.column());
            format!("a text that stops being JSON at line {line} column {column} {of}")
        }
    })
}

/// Where a redirect points, without anything that may be secret.
fn destination(parcel: &Parcel, answer: &Answer) -> String {
    let location = answer.header(LOCATION);
    let target = location.and_then(|location| parcel.url.join(location).ok());
    match target {
        Some(url) if url.origin() == parcel.url.origin() => {
            format!("{}, on the same host (a login page?)", shown(&url))
        }
        Some(url) => url.origin().ascii_serialization(),
        None => "nowhere".to_owned(),
    }
}
