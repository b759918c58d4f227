//! Pixels over HTTP: their URL, the redirects on the way to them, and the
//! version that changes when an image is replaced.

use super::SiteError;
use super::address::{Base, IdParts, Template, is_absolute, shown};
use super::description::Credential;
use super::guard::Guard;
use super::http::Courier;
use super::parcel::{Answer, Body, Parcel, Purpose, status_text};
use super::patience::Target;
use crate::archive::{PhotoId, PixelVersion, Pixels, Reading};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED, LOCATION,
};
use reqwest::{Method, StatusCode};
use url::Url;

/// Redirects that are followed for one image.
const REDIRECTS: usize = 5;

/// Images behind a URL template.
#[derive(Debug)]
pub(super) struct UrlPixels {
    pub(super) courier: Courier,
    pub(super) guard: Guard,
    pub(super) base: Base,
    pub(super) place: Place,
    /// The credential, where the site's images need it too. Only the site's own
    /// origin ever gets it.
    pub(super) credential: Option<Credential>,
    pub(super) max_bytes: u64,
}

/// Where an image's address comes from.
#[derive(Debug)]
pub(super) enum Place {
    /// The settings.
    Template(Template),
    /// The site, with each photo.
    Item,
}

/// Checks a template, and finds the URL at which its requests start.
pub(super) fn home(base: &Base, template: &Template) -> Result<Url, String> {
    let start = template.literal_start();
    if start.starts_with("//") {
        return Err("it must begin with https:// or with one slash".to_owned());
    }
    if !is_absolute(start) {
        return Ok(base.url().clone());
    }
    let host_is_fixed = start
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('/'));
    let url = Url::parse(start).map_err(|error| error.to_string())?;
    if !host_is_fixed || !url.username().is_empty() || url.password().is_some() {
        return Err("its host must be fixed and carry no credentials".to_owned());
    }
    Ok(url)
}

impl UrlPixels {
    /// Whether the site names the address with each photo.
    pub(super) fn named_by_site(&self) -> bool {
        matches!(self.place, Place::Item)
    }

    pub(super) async fn fetch(
        &self,
        id: &PhotoId,
        parts: &IdParts<'_>,
        reading: &Reading,
    ) -> Result<Pixels, SiteError> {
        let start = self.start(id, parts, reading)?;
        let (parcel, answer) = self.follow(id, start, Method::GET).await?;
        usable(&parcel, answer.status)?;
        let is_html = answer.header(CONTENT_TYPE).is_some_and(is_html_type);
        if is_html || looks_like_html(answer.bytes()) {
            return Err(SiteError::Photo(format!(
                "{parcel}: an HTML page where an image should be"
            )));
        }
        let version = version(&answer);
        let Body::Whole(bytes) = answer.body else {
            return Err(SiteError::Photo(format!(
                "{parcel}: the image is larger than {} bytes",
                self.max_bytes
            )));
        };
        // A server that says nothing about its file is believed by its bytes.
        let version = version
            .or_else(|| dated(&answer.headers, bytes.len() as u64))
            .unwrap_or_else(|| PixelVersion::new(format!("hash:{}", hash(&bytes))));
        Ok(Pixels { bytes, version })
    }

    pub(super) async fn version(
        &self,
        id: &PhotoId,
        parts: &IdParts<'_>,
        reading: &Reading,
    ) -> Result<Option<PixelVersion>, SiteError> {
        let start = self.start(id, parts, reading)?;
        let (parcel, answer) = self.follow(id, start, Method::HEAD).await?;
        match usable(&parcel, answer.status) {
            Ok(()) => {}
            Err(SiteError::Missing(text)) => return Err(SiteError::Missing(text)),
            // Many servers refuse HEAD in many ways; the image may be fine.
            Err(_) => return Ok(None),
        }
        let length = answer
            .header(CONTENT_LENGTH)
            .and_then(|length| length.parse().ok())
            // Some frameworks say 0 for every HEAD.
            .filter(|length| *length > 0);
        Ok(version(&answer).or_else(|| dated(&answer.headers, length?)))
    }

    /// Where the request for an image starts, and who named that place.
    fn start(
        &self,
        id: &PhotoId,
        parts: &IdParts<'_>,
        reading: &Reading,
    ) -> Result<(Url, Target), SiteError> {
        let refuse = |text: String| SiteError::Photo(format!("{id}: the image's address: {text}"));
        let template = match &self.place {
            Place::Template(template) => template,
            Place::Item => return self.named(reading).map_err(refuse),
        };
        let url = self.base.join(template, parts).map_err(refuse)?;
        Ok((url, Target::Configured))
    }

    /// The address that the site names. It is content, and content may lie.
    fn named(&self, reading: &Reading) -> Result<(Url, Target), String> {
        let Some(text) = reading.image.as_deref() else {
            return Err("the site names none; check site.image.url".to_owned());
        };
        let mut home = self.base.url().clone();
        if !home.path().ends_with('/') {
            home.set_path(&format!("{}/", home.path()));
        }
        let mut url = home
            .join(text.trim())
            .map_err(|error| format!("the site names no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "the site names one that begins with {}:",
                url.scheme()
            ));
        }
        let _ = url.set_username("");
        let _ = url.set_password(None);
        self.guard
            .admit(&url)
            .map_err(|error| format!("the site names {}: {error}", shown(&url)))?;
        let own = url.origin() == home.origin();
        let target = if own {
            Target::Configured
        } else {
            Target::Redirected
        };
        Ok((url, target))
    }

    /// Sends a request and follows redirects by our own rules.
    async fn follow(
        &self,
        id: &PhotoId,
        (start, target): (Url, Target),
        method: Method,
    ) -> Result<(Parcel, Answer), SiteError> {
        let refuse = |text: String| SiteError::Photo(format!("{id}: the image's address: {text}"));
        let mut parcel = Parcel {
            target,
            ..self.parcel(id, start, method)
        };
        for _ in 0..=REDIRECTS {
            let answer = self.courier.exchange(&parcel).await?;
            let Some(location) = redirect(&answer) else {
                if answer.status.is_success() && parcel.target == Target::Configured {
                    self.courier.remember(&Parcel {
                        method: Method::HEAD,
                        ..parcel.clone()
                    });
                }
                return Ok((parcel, answer));
            };
            let mut next = parcel
                .url
                .join(location)
                .map_err(|error| refuse(format!("it redirects to no URL: {error}")))?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(refuse(format!("it redirects to {}:", next.scheme())));
            }
            // Whatever is in front of an @ would be sent as credentials.
            let _ = next.set_username("");
            let _ = next.set_password(None);
            self.guard
                .admit(&next)
                .map_err(|error| refuse(format!("it redirects to {}: {error}", shown(&next))))?;
            parcel = Parcel {
                target: Target::Redirected,
                ..self.parcel(id, next, parcel.method)
            };
        }
        Err(refuse(format!("more than {REDIRECTS} redirects")))
    }

    fn parcel(&self, id: &PhotoId, url: Url, method: Method) -> Parcel {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("image/*, */*;q=0.5"));
        // A compressed transfer would change the entity tag and the length.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let own = url.origin() == self.base.url().origin();
        Parcel {
            credential: self.credential.clone().filter(|_| own),
            description: None,
            photo: id.clone(),
            purpose: Purpose::Pixels,
            target: Target::Configured,
            method,
            url,
            headers,
            body: None,
            most: self.max_bytes,
        }
    }
}

fn redirect(answer: &Answer) -> Option<&str> {
    let redirects = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    answer.header(LOCATION).filter(|_| redirects)
}

fn usable(parcel: &Parcel, status: StatusCode) -> Result<(), SiteError> {
    let text = format!("{parcel}: {}", status_text(status));
    match status.as_u16() {
        200 | 203 => Ok(()),
        404 | 410 => Err(SiteError::Missing(format!("{text}, no image there"))),
        401 | 403 if parcel.credential.is_none() => Err(SiteError::Photo(format!(
            "{text}, no image in the answer; with site.auth.images = true images of the site's \
             own host are asked for with the token"
        ))),
        _ => Err(SiteError::Photo(format!("{text}, no image in the answer"))),
    }
}

/// By entity tag. A proxy may weaken it on one request and not on the other, so
/// the mark for that is left out.
fn version(answer: &Answer) -> Option<PixelVersion> {
    let tag = answer.header(ETAG)?.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let says_something = !tag.trim_matches('"').is_empty();
    says_something.then(|| PixelVersion::new(format!("etag:{tag}")))
}

/// By change time and size.
fn dated(headers: &HeaderMap, length: u64) -> Option<PixelVersion> {
    let modified = headers.get(LAST_MODIFIED)?.to_str().ok()?.trim();
    Some(PixelVersion::new(format!("modified:{modified};{length}")))
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}

/// Whether a media type is HTML's.
pub(super) fn is_html_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("text/html")
        || essence.eq_ignore_ascii_case("application/xhtml+xml")
}

/// Whether bytes begin as an HTML page does, whatever their label says.
pub(super) fn looks_like_html(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = start.trim_ascii_start();
    ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|tag| {
            start
                .get(..tag.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(tag.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    fn answer(headers: &[(&'static str, &'static str)]) -> Answer {
        let pairs = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        Answer {
            status: StatusCode::OK,
            headers: pairs.collect(),
            body: Body::Whole(Vec::new()),
        }
    }

    #[test]
    fn a_weakened_entity_tag_is_the_same_version() {
        let strong = version(&answer(&[("etag", "\"a1\"")]));
        assert_eq!(strong, version(&answer(&[("etag", "W/\"a1\"")])));
        assert_ne!(strong, version(&answer(&[("etag", "\"a2\"")])));
        assert_eq!(version(&answer(&[("etag", "\"\"")])), None);
    }

    #[test]
    fn html_is_recognised_by_label_and_by_look() {
        assert!(is_html_type("Text/HTML; charset=utf-8"));
        assert!(!is_html_type("image/jpeg"));
        assert!(looks_like_html(b"\xef\xbb\xbf\n <!DOCTYPE html><p>"));
        assert!(!looks_like_html(b"\xff\xd8\xff"));
        assert!(!looks_like_html(b"<svg>"));
    }

    #[test]
    fn the_host_of_images_is_fixed() {
        let base = Base::new(&Url::parse("https://h/cms").unwrap()).unwrap();
        let home = |text: &str| home(&base, &Template::try_from(text.to_owned()).unwrap());
        assert_eq!(home("/f/{name}.jpg").unwrap().as_str(), "https://h/cms");
        assert_eq!(home("https://cdn/{name}").unwrap().as_str(), "https://cdn/");
        for bad in [
            "//cdn/{name}",
            "https://{album}.cdn/x",
            "https://u:p@cdn/{name}",
        ] {
            assert!(home(bad).is_err(), "{bad}");
        }
    }
}
