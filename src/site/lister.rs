//! The listing that a site gives of its own photos, as a stream: page after page,
//! with whatever each item tells. Nothing is read ahead of the reader.

use super::api::{Api, json, own_address};
use super::description::{List, Meaning, kind_of, plain};
use super::paging::{Next, Page, Paging, Progress};
use super::parcel::{Answer, Body, Parcel};
use super::total::Total;
use super::{Extent, SiteError};
use crate::archive::{Listed, News, PhotoId};
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::header::{DATE, LINK};
use serde_json::Value;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of one page at most: some sites give everything in one.
const LARGEST_PAGE: u64 = 64 * 1024 * 1024;

/// Ids that are remembered, to find a few others than a failing one.
const REMEMBERED: usize = 64;

/// How often a page that makes no sense is asked for again.
const SENSELESS: u32 = 3;

type Item = Result<Listed, SiteError>;

/// Lists photos over HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lister {
    api: Arc<Api>,
    /// Where the last listing that came to its end can be taken up.
    mark: Arc<Mutex<Option<String>>>,
    recent: Arc<Mutex<VecDeque<PhotoId>>>,
    total: Total,
}

/// A listing on its way.
struct Walk {
    lister: Lister,
    since: Option<String>,
    progress: Progress,
    items: VecDeque<Item>,
    mark: Option<String>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The credentials are to be tried first.
    Credentials,
    First,
    Later,
    Ended,
}

/// A page, or what it said instead.
enum Fetched {
    Page(Box<(Parcel, Answer, Value)>),
    Beyond,
}

impl Lister {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self {
            api,
            mark: Arc::default(),
            recent: Arc::default(),
            total: Total::default(),
        }
    }

    /// All photos, or those that changed.
    pub(super) fn stream(&self, extent: Extent) -> BoxStream<'static, Item> {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.total.forget();
        let list = &self.api.description.list;
        let walk = Walk {
            lister: self.clone(),
            since: match extent {
                Extent::All => None,
                Extent::Since(mark) => Some(mark),
            },
            progress: Progress::new(list.paging, list.first, list.limit),
            items: VecDeque::new(),
            mark: None,
            stage: Stage::Credentials,
        };
        stream::unfold(
            walk,
            |mut walk| async move { Some((walk.next().await?, walk)) },
        )
        .boxed()
    }

    /// How many photos the site says that there are.
    pub(super) fn total(&self) -> Option<u64> {
        self.total.known()
    }

    /// Where the last listing that came to its end can be taken up.
    pub(super) fn mark(&self) -> Option<String> {
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        mark.clone()
    }

    /// Takes one page as if it were the first, for `crate::fuzz`.
    #[cfg(any(test, fuzzing))]
    pub(super) fn take_first(&self, parcel: &Parcel, answer: &Answer, document: &Value) {
        let list = &self.api.description.list;
        let mut walk = Walk {
            lister: self.clone(),
            since: None,
            progress: Progress::new(list.paging, list.first, list.limit),
            items: VecDeque::new(),
            mark: None,
            stage: Stage::First,
        };
        let _ = walk.take(parcel, answer, document);
        // What it says of the next page becomes a request of our own.
        let _ = walk.parcel();
    }

    /// A few ids of late other than this one.
    pub(super) fn others(&self, than: &PhotoId) -> Vec<PhotoId> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let others = recent.iter().rev().filter(|id| *id != than);
        others.take(8).cloned().collect()
    }

    fn note(&self, id: &PhotoId) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back(id.clone());
        if recent.len() > REMEMBERED {
            recent.pop_front();
        }
    }

    fn list(&self) -> &List {
        &self.api.description.list
    }

    /// An item as a photo; nothing where it is no image.
    fn photo(&self, item: &Value, document: &Value, news: News) -> Result<Option<Listed>, String> {
        let description = &self.api.description;
        let item = description.joined(item, document);
        if description.other_kind(&item).is_some() {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for pointers in &self.list().id {
            let part = pointers.text(&item);
            let part = part.ok_or_else(|| format!("it has no id at {}", pointers.shown()))?;
            if self.list().id.len() > 1 && part.contains('/') {
                return Err("a part of its id has a slash".to_owned());
            }
            parts.push(part);
        }
        let id = PhotoId::new(parts.join("/"));
        let split = description.id.split(id.as_str());
        let parts = split.map_err(|why| format!("its id \"{}\": {why}", shorten(id.as_str())))?;
        // An item that tells no alt text may still have one.
        let tells = description.tells_alt(&item);
        let reading = description
            .reading(&item, &parts, self.api.edge)
            .ok()
            .filter(|_| tells);
        self.note(&id);
        Ok(Some(Listed { id, reading, news }))
    }
}

impl Walk {
    async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Some(item);
            }
            if self.stage == Stage::Ended {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.stage = Stage::Ended;
                return Some(Err(error));
            }
        }
    }

    async fn advance(&mut self) -> Result<(), SiteError> {
        if self.stage == Stage::Credentials {
            // A wrong password may pass for an anonymous reader here.
            if let Some(probed) = self.lister.api.probe().await {
                probed?;
            }
            self.stage = Stage::First;
            return Ok(());
        }
        let next = match self.fetch().await? {
            Fetched::Beyond => self.progress.beyond(),
            Fetched::Page(page) => self.take(&page.0, &page.1, &page.2)?,
        };
        self.stage = Stage::Later;
        if next == Next::End {
            self.stage = Stage::Ended;
            let mut mark = self
                .lister
                .mark
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            mark.clone_from(&self.mark);
        }
        Ok(())
    }

    /// One page, asked for again where it makes no sense.
    async fn fetch(&mut self) -> Result<Fetched, SiteError> {
        let mut tries = 0;
        loop {
            let parcel = self.parcel()?;
            let api = &self.lister.api;
            let answer = match api.courier.exchange(&parcel).await {
                Ok(answer) => answer,
                // A listing that breaks off must not pass for a short archive.
                Err(SiteError::Photo(text) | SiteError::NotApi(text)) => {
                    return Err(SiteError::Outage(text));
                }
                Err(error) => return Err(error),
            };
            match api.meaning(&answer) {
                Meaning::Fine => {}
                Meaning::End => return Ok(Fetched::Beyond),
                meaning if meaning.is_refusal() => {
                    return Err(self.refused(&parcel, &answer));
                }
                Meaning::Missing if self.stage == Stage::Later => {
                    return Err(SiteError::Settings(format!(
                        "{}; if the page before it was the last one, say how the end is told: \
                         site.list.pages, site.list.total, or {{ status = {}, is = \"end\" }} in \
                         site.errors.means",
                        api.failed(&parcel, &answer),
                        answer.status.as_u16()
                    )));
                }
                _ => return Err(self.broken(api.failure(&parcel, &answer).to_string())),
            }
            if let Body::TooLarge = answer.body {
                let text = format!("{parcel}: more than {LARGEST_PAGE} bytes in one page");
                return Err(SiteError::Settings(text));
            }
            match json(&answer) {
                Ok(document) => return Ok(Fetched::Page(Box::new((parcel, answer, document)))),
                Err(_) if tries < SENSELESS && self.stage == Stage::Later => tries += 1,
                Err(what) => {
                    return Err(self.broken(format!(
                        "{parcel}: answered with {what} where a list of photos should be"
                    )));
                }
            }
        }
    }

    fn parcel(&self) -> Result<Parcel, SiteError> {
        let settings = |why: String| SiteError::Settings(format!("site.list: {why}"));
        let list = self.lister.list();
        let Some(request) = &list.request else {
            return Err(settings("the description lists nothing".to_owned()));
        };
        let ask = self.progress.ask();
        let values = |name: &str| match name {
            "page" => Some(ask.page.to_string()),
            "offset" => Some(ask.offset.to_string()),
            "limit" => Some(list.limit.to_string()),
            "cursor" => ask.token.clone(),
            "since" => self.since.clone(),
            _ => None,
        };
        let api = &self.lister.api;
        let about = PhotoId::new(format!("the list, {}", self.progress.shown()));
        let mut parcel = api.asking(&about, request, &values).map_err(settings)?;
        let linked = matches!(list.paging, Paging::Next | Paging::Link);
        if let Some(address) = ask.token.filter(|_| linked) {
            parcel.url = own_address(&api.base, &parcel.url, &address).map_err(settings)?;
        }
        parcel.most = LARGEST_PAGE;
        Ok(parcel)
    }

    /// Takes a page's items, and finds out what comes next.
    fn take(
        &mut self,
        parcel: &Parcel,
        answer: &Answer,
        document: &Value,
    ) -> Result<Next, SiteError> {
        let first = self.stage == Stage::First;
        if first {
            self.mark = self.site_time(answer);
        }
        let list = self.lister.list();
        let found = list.items.find(document);
        let Some(items) = found.and_then(Value::as_array) else {
            let what = found.map_or("nothing", kind_of);
            return Err(self.broken(format!(
                "{parcel}: {what} at {} where a list should be{}; check site.list.items",
                list.items.shown(),
                keys_of(document)
            )));
        };
        let news = match self.since {
            Some(_) => News::Changed,
            None => News::Present,
        };
        let mut content = DefaultHasher::new();
        let mut bad = 0;
        for (at, item) in items.iter().enumerate() {
            let found = self.lister.photo(item, document, news);
            match &found {
                Ok(Some(listed)) => listed.id.as_str().hash(&mut content),
                // What is no photo still tells one page from another.
                _ => id_text(list, item).hash(&mut content),
            }
            match found {
                Ok(None) => {}
                Ok(Some(listed)) => self.items.push_back(Ok(listed)),
                Err(why) => {
                    bad += 1;
                    let about = &parcel.photo;
                    let text = format!("{about}, item {}: {why}", at + 1);
                    self.items.push_back(Err(SiteError::Photo(text)));
                }
            }
        }
        if first && bad > 0 && bad == items.len() {
            let text = self.items.pop_front().and_then(Result::err);
            let text = text.map_or_else(String::new, |error| error.to_string());
            let keys = items.first().map(keys_of).unwrap_or_default();
            return Err(SiteError::Settings(format!(
                "{text}{keys}; check site.list.id"
            )));
        }
        let page = Page {
            items: items.len() as u64,
            content: content.finish(),
            total: number(list.total.as_ref(), answer, document),
            pages: number(list.pages.as_ref(), answer, document),
            next: self.next_page(answer, document),
        };
        if first && items.is_empty() && page.total.is_some_and(|total| total > 0) {
            return Err(SiteError::Settings(format!(
                "{parcel}: the site counts {} photos and shows none of them: the account behind \
                 the token may not see them",
                page.total.unwrap_or_default()
            )));
        }
        // What was left over is no part of what changed.
        if let Some(total) = page.total.filter(|_| self.since.is_none()) {
            self.lister.total.tell(total);
        }
        let about = parcel.photo.clone();
        let after = self.progress.after(page);
        after.map_err(|why| SiteError::Settings(format!("{about}: {why}; check site.list")))
    }

    fn next_page(&self, answer: &Answer, document: &Value) -> Option<String> {
        let list = self.lister.list();
        match list.paging {
            Paging::Link => next_link(answer.header(LINK)?),
            _ => list.next.as_ref()?.text(&answer.headers, document),
        }
    }

    /// The site's own time, less the overlap: where the next listing begins.
    fn site_time(&self, answer: &Answer) -> Option<String> {
        let time = httpdate::parse_http_date(answer.header(DATE)?).ok()?;
        let time = time.checked_sub(self.lister.list().overlap)?;
        let stamp = jiff::Timestamp::try_from(time).ok()?;
        Some(stamp.to_string())
    }

    fn refused(&self, parcel: &Parcel, answer: &Answer) -> SiteError {
        let api = &self.lister.api;
        let origin = parcel.url.origin().ascii_serialization();
        let said = api.said(answer);
        SiteError::Settings(if api.credential.is_some() {
            format!("{origin} does not let this token's account list the photos: {said}")
        } else {
            format!(
                "{origin} asks for a token to list the photos: {said}; name the variable that \
                 holds it in site.token_env"
            )
        })
    }

    /// At the first page, settings are to blame; later, the site.
    fn broken(&self, text: String) -> SiteError {
        if self.stage == Stage::First {
            let hint = if text.contains("check ") {
                ""
            } else {
                "; check site.base_url and site.list"
            };
            SiteError::Settings(format!("{text}{hint}"))
        } else {
            SiteError::Outage(text)
        }
    }
}

fn number(
    place: Option<&super::description::Place>,
    answer: &Answer,
    document: &Value,
) -> Option<u64> {
    place?.number(&answer.headers, document)
}

/// An item's id as a text, where it has one.
fn id_text(list: &List, item: &Value) -> Vec<Option<String>> {
    let parts = list.id.iter();
    parts.map(|pointers| pointers.text(item)).collect()
}

/// The address of `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (address, parameters) = after.split_once('>')?;
        let (own, following) = parameters.split_once('<').unwrap_or((parameters, ""));
        let is_next = own.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .split_whitespace()
                    .any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(address.to_owned());
        }
        let offset = rest.len() - following.len();
        rest = if following.is_empty() {
            ""
        } else {
            &rest[offset - 1..]
        };
    }
    None
}

/// What a JSON document has, for somebody whose pointer found nothing.
pub(super) fn keys_of(document: &Value) -> String {
    keys_at("", document)
}

/// The same of a value that lies deeper, at this pointer.
pub(super) fn keys_at(pointer: &str, value: &Value) -> String {
    let it = match pointer {
        "" => "it".to_owned(),
        pointer => format!("\"{pointer}\""),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let names: Vec<&str> = fields.keys().take(12).map(String::as_str).collect();
            let more = if fields.len() > names.len() {
                ", …"
            } else {
                ""
            };
            format!(" ({it} has: {}{more})", names.join(", "))
        }
        other => plain(other).map_or_else(
            || format!(" ({it} is {})", kind_of(other)),
            |_| String::new(),
        ),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, next) in [
            (
                r#"<https://h/?page=2>; rel="next""#,
                Some("https://h/?page=2"),
            ),
            (
                r#"<https://h/?page=1>; rel="prev", <https://h/?p=3,4>; title="x"; rel=next"#,
                Some("https://h/?p=3,4"),
            ),
            (r#"<https://h/?page=1>; rel="prev""#, None),
            (
                r#"<https://h/9>; rel="last next", <https://h/1>; rel="first""#,
                Some("https://h/9"),
            ),
            ("nonsense", None),
            ("<", None),
        ] {
            assert_eq!(next_link(header).as_deref(), next, "{header}");
        }
    }
}
