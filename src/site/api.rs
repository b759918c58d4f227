//! A described API: the requests that a description makes, and what the answers
//! mean. Shared by everything that talks to one site's API.

use super::address::{Base, IdParts, add_query, shown};
use super::body;
use super::description::{Change, Confirm, Credential, Description, Meaning, Request, Unfit};
use super::http::Courier;
use super::parcel::{Answer, Body, Parcel, Purpose, Shared, status_text};
use super::patience::Target;
use super::pixels::{is_html_type, looks_like_html};
use super::{ChangeSet, SiteError, Written, html};
use crate::archive::{PhotoId, Reading};
use crate::config::Secrets;
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, LOCATION};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

/// Bytes of an API reply about one photo. A photo's metadata is a thousandth of
/// that; what is larger is something else.
const LARGEST_REPLY: u64 = 2 * 1024 * 1024;

/// Values in one reply. Each takes some ten times the memory of its two bytes in
/// JSON, so that a list of zeros would take gigabytes; a listing of a hundred
/// thousand photos stays below.
const MOST_VALUES: usize = 1_500_000;

/// Characters that are quoted of what an error reply says.
const QUOTED: usize = 200;

/// A described API, ready to be asked.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) description: Arc<Description>,
    pub(super) base: Base,
    pub(super) courier: Courier,
    pub(super) shared: Arc<Shared>,
    /// What must not be in anything that is said.
    pub(super) secrets: Secrets,
    /// What carries the token.
    pub(super) credential: Option<Credential>,
    /// The wanted longer side of an image, in pixels.
    pub(super) edge: u32,
    /// The site refuses what it said itself: its entity tags are of no use for
    /// conditional writes.
    pub(super) entity_tags_mislead: AtomicBool,
}

/// The values of a request's variables, by their names.
pub(super) type Values<'v> = &'v dyn Fn(&str) -> Option<String>;

impl Api {
    /// An id taken apart.
    pub(super) fn parts<'a>(&'a self, id: &'a PhotoId) -> Result<IdParts<'a>, SiteError> {
        let split = self.description.id.split(id.as_str());
        split.map_err(|why| SiteError::Photo(format!("\"{}\": {why}", id.as_str().escape_debug())))
    }

    /// A request with its variables filled in.
    ///
    /// # Errors
    /// Why these values make no request.
    pub(super) fn parcel(
        &self,
        about: &PhotoId,
        request: &Request,
        values: Values<'_>,
    ) -> Result<Parcel, String> {
        let mut url = self.base.place(&request.url, values)?;
        add_query(&mut url, request.query(&values));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &request.headers(&values)? {
            headers.insert(name.clone(), value.clone());
        }
        Ok(Parcel {
            photo: about.clone(),
            purpose: Purpose::Read,
            target: Target::Configured,
            method: request.method.into(),
            url,
            headers,
            credential: self.credential.clone(),
            body: None,
            description: Some(Arc::clone(&self.description)),
            most: LARGEST_REPLY,
        })
    }

    /// Gives a request its body.
    pub(super) fn fill(
        parcel: &mut Parcel,
        request: &Request,
        content: &Value,
    ) -> Result<(), String> {
        let (text, kind) = body::encode(content, request.content_type.as_deref());
        let kind =
            HeaderValue::from_str(&kind).map_err(|_| format!("\"{kind}\" is no media type"))?;
        parcel.headers.insert(CONTENT_TYPE, kind);
        parcel.body = Some(text);
        Ok(())
    }

    /// A request whose body, if it has one, uses the same variables.
    pub(super) fn asking(
        &self,
        about: &PhotoId,
        request: &Request,
        values: Values<'_>,
    ) -> Result<Parcel, String> {
        let mut parcel = self.parcel(about, request, values)?;
        if let Some(template) = &request.body {
            let leaf = |leaf: body::Leaf<'_>| match leaf {
                body::Leaf::Variable(name) => values(name).map(|text| number_or_text(name, text)),
                body::Leaf::Read(_) => None,
            };
            let content = body::fill(template, &leaf).unwrap_or_default();
            Self::fill(&mut parcel, request, &content)?;
        }
        Ok(parcel)
    }

    /// The request that shows a photo.
    pub(super) fn reading_parcel(&self, id: &PhotoId) -> Result<Parcel, SiteError> {
        let parts = self.parts(id)?;
        let values = |name: &str| parts.get(name).map(str::to_owned);
        let parcel = self.asking(id, &self.description.read.request, &values);
        parcel.map_err(|why| SiteError::Photo(format!("{id}: {why}")))
    }

    /// The request that changes a photo; `None` where nothing is to be said.
    pub(super) fn writing_parcel(
        &self,
        id: &PhotoId,
        change: &ChangeSet,
        read: &Reading,
    ) -> Result<Option<Parcel>, SiteError> {
        let update = &self.description.update;
        let parts = self.parts(id)?;
        // Only what changes is sent; but a change-set that says nothing new and
        // sets no mark is still the caller's wish.
        let marks = !matches!(change.tag, super::TagChange::Keep);
        let same = marks && read.alt.as_ref() == Some(&change.alt);
        let says = Change {
            alt: (!same).then_some(change.alt.as_str()),
            tag: change.tag,
            read,
        };
        let Some(content) = self.description.body(says, &parts) else {
            return Ok(None);
        };
        let values = |name: &str| parts.get(name).map(str::to_owned);
        let build = || {
            let mut parcel = self.parcel(id, &update.request, &values)?;
            Self::fill(&mut parcel, &update.request, &content)?;
            Ok::<_, String>(parcel)
        };
        let mut parcel = build().map_err(|why| SiteError::Photo(format!("{id}: {why}")))?;
        let etag = read
            .etag
            .as_deref()
            .filter(|_| !self.entity_tags_mislead.load(Ordering::Relaxed))
            .and_then(|etag| HeaderValue::from_str(etag).ok());
        if let Some(etag) = etag {
            parcel.headers.insert(IF_MATCH, etag);
        }
        parcel.purpose = Purpose::Write;
        Ok(Some(parcel))
    }

    /// What an answer means.
    pub(super) fn meaning(&self, answer: &Answer) -> Meaning {
        let body = json(answer).ok();
        let errors = &self.description.errors;
        errors.meaning(answer.status.as_u16(), body.as_ref())
    }

    /// What a reply to a read says.
    pub(super) fn reading(&self, parcel: &Parcel, answer: &Answer) -> Result<Reading, SiteError> {
        let strange = |what: &str| {
            SiteError::NotApi(format!(
                "{parcel}: answered with {what} where a photo's JSON should be; \
                 check site.base_url"
            ))
        };
        if self.meaning(answer) != Meaning::Fine {
            return Err(self.failure(parcel, answer));
        }
        if let Body::TooLarge = answer.body {
            return Err(strange(&format!("more than {LARGEST_REPLY} bytes")));
        }
        let document = json(answer).map_err(|what| strange(&what))?;
        let id = &parcel.photo;
        let at = &self.description.read.item;
        let item = self.description.item(&document, at);
        let item =
            item.ok_or_else(|| strange(&format!("JSON without anything at {}", at.shown())))?;
        if let Some(kind) = self.description.other_kind(&item) {
            let why = format!("{parcel}: it is {kind}, no image (site.fields.mime)");
            return Err(SiteError::Photo(why));
        }
        let read = self.description.reading(&item, &self.parts(id)?, self.edge);
        match read {
            Ok(reading) => Ok(Reading {
                etag: answer.header(ETAG).map(str::to_owned),
                ..reading
            }),
            Err(Unfit::BadAlt(why)) => Err(SiteError::Photo(format!("{parcel}: {why}"))),
            Err(Unfit::NotAPhoto(what)) => Err(strange(&what)),
            Err(Unfit::TextElsewhere { place, text }) => Err(SiteError::Settings(format!(
                "{parcel}: site.fields.alt finds no alt text, but site.update.body would replace \
                 one at {place}: \"{}\"; mend site.fields.alt",
                text.chars().take(QUOTED).collect::<String>()
            ))),
        }
    }

    /// What a successful reply to a write shows.
    pub(super) fn written(&self, id: &PhotoId, answer: &Answer) -> Written {
        let update = &self.description.update;
        if update.confirm == Confirm::Read {
            return Written::Unshown;
        }
        let shown = json(answer).ok().and_then(|document| {
            let item = self.description.item(&document, &update.item)?;
            let parts = self.parts(id).ok()?;
            let tells = self.description.tells_alt(&item);
            let reading = self.description.reading(&item, &parts, self.edge).ok()?;
            tells.then_some(reading)
        });
        shown.map_or(Written::Unshown, |reading| {
            Written::Shown(Box::new(Reading {
                etag: answer.header(ETAG).map(str::to_owned),
                ..reading
            }))
        })
    }

    /// An answer that is neither success nor refusal.
    pub(super) fn failure(&self, parcel: &Parcel, answer: &Answer) -> SiteError {
        if answer.status.is_redirection() {
            return SiteError::NotApi(format!(
                "{parcel}: {} to {}, which is not followed; check site.base_url",
                status_text(answer.status),
                destination(parcel, answer)
            ));
        }
        match self.meaning(answer) {
            Meaning::Missing => SiteError::Missing(self.failed(parcel, answer)),
            _ => SiteError::Photo(self.failed(parcel, answer)),
        }
    }

    /// The sentence about an answer that is an error, with the site's words.
    pub(super) fn failed(&self, parcel: &Parcel, answer: &Answer) -> String {
        format!("{parcel}: {}", self.said(answer))
    }

    /// An answer's status, with the site's words.
    pub(super) fn said(&self, answer: &Answer) -> String {
        let status = status_text(answer.status);
        match self.complaint(answer) {
            Some(words) => format!("{status} (\"{words}\")"),
            None => status,
        }
    }

    fn complaint(&self, answer: &Answer) -> Option<String> {
        // Some servers repeat the request in their errors, token included. Looked
        // for before anything is taken out or cut: a part of a token is one, too.
        let raw = String::from_utf8_lossy(answer.bytes());
        let raw = self.secrets.mask(raw.trim_start_matches('\u{feff}'));
        let words = match serde_json::from_str::<Value>(&raw) {
            Ok(reply) => self.description.errors.words(&reply)?,
            // Web servers and proxies answer with pages of their own.
            Err(_) => html::title(&raw)?,
        };
        // What is left out may have stood in the middle of a token.
        let plain: String = words.chars().filter(|c| !c.is_control()).collect();
        let plain = self.secrets.mask(&plain);
        Some(plain.chars().take(QUOTED).collect())
    }

    /// Finds out whether the credentials are good, where the description says
    /// how; `None` where it doesn't.
    pub(super) async fn probe(&self) -> Option<Result<(), SiteError>> {
        let probe = self.description.probe.as_ref()?;
        let about = PhotoId::new("the account");
        let settings = |why: String| SiteError::Settings(format!("site.probe: {why}"));
        let parcel = match self.asking(&about, &probe.request, &|_| None) {
            Ok(parcel) => parcel,
            Err(why) => return Some(Err(settings(why))),
        };
        let answer = match self.courier.exchange(&parcel).await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let origin = parcel.url.origin().ascii_serialization();
        let meaning = self.meaning(&answer);
        Some(match meaning {
            Meaning::Fine => {
                let shown = json(&answer).ok();
                let wanted = &probe.shows;
                let there = wanted.0.is_empty()
                    || shown.is_some_and(|document| wanted.find(&document).is_some());
                if there {
                    Ok(())
                } else {
                    Err(SiteError::Settings(format!(
                        "{origin} does not take the token for a logged-in user's: its answer to \
                         {} has nothing at {}",
                        shown_path(&parcel),
                        wanted.shown()
                    )))
                }
            }
            meaning if meaning.is_refusal() => {
                let what = if self.credential.is_some() {
                    "refuses the token"
                } else {
                    "asks for a token"
                };
                Err(SiteError::Settings(format!(
                    "{origin} {what}: {}",
                    self.said(&answer)
                )))
            }
            _ => Err(SiteError::Settings(format!(
                "{}; check site.base_url and site.preset",
                self.failed(&parcel, &answer)
            ))),
        })
    }
}

fn shown_path(parcel: &Parcel) -> String {
    shown(&parcel.url)
}

/// Variables that count are numbers in JSON.
fn number_or_text(name: &str, text: String) -> Value {
    let counts = matches!(name, "page" | "offset" | "limit");
    match text.parse::<u64>() {
        Ok(number) if counts => Value::from(number),
        _ => Value::from(text),
    }
}

/// Reads a reply as JSON, or says what it is instead.
pub(super) fn json(answer: &Answer) -> Result<Value, String> {
    let bytes = answer.bytes();
    // PHP files saved with a byte order mark put it before every reply.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let between = bytes
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    if between.count() > MOST_VALUES {
        return Err(format!("more than {MOST_VALUES} values"));
    }
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

/// The address of a page that a reply named: on the site's own host, under the
/// scheme and port that the settings name, since credentials go there.
pub(super) fn own_address(base: &Base, at: &Url, text: &str) -> Result<Url, String> {
    let mut url = at
        .join(text)
        .map_err(|error| format!("the next page's address is no URL: {error}"))?;
    if url.host_str() != base.url().host_str() {
        return Err(format!(
            "the next page lies on another host, {}",
            url.host_str().unwrap_or("none")
        ));
    }
    let _ = url.set_username("");
    let _ = url.set_password(None);
    // Sites behind a proxy often name the scheme and port that they see.
    let same =
        url.set_scheme(base.url().scheme()).is_ok() && url.set_port(base.url().port()).is_ok();
    if same {
        Ok(url)
    } else {
        Err("the next page's address can't be reached as the site is".to_owned())
    }
}
