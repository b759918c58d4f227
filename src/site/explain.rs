//! Explains a site to whoever describes it: what each request brought, and what
//! each pointer found on a real photo.

use super::api::json;
use super::description::{Pointer, Pointers, Sources};
use super::lister::keys_at;
use super::may_write;
use super::parcel::Answer;
use super::rest::RestSite;
use super::{Extent, Site, SiteError};
use crate::archive::{Marking, PhotoId, Pixels, Reading};
use futures_util::StreamExt;
use reqwest::header::{AGE, DATE};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Characters that are shown of a value.
const SHOWN: usize = 70;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key of the settings that it is about, such as `site.list`.
    pub key: String,
    /// How it went.
    pub verdict: Finds,
    /// What was found, or what is wrong, in a sentence.
    pub text: String,
}

/// All that came of trying a site.
#[derive(Debug, Default)]
pub struct Explained {
    /// What was tried, in its order.
    pub findings: Vec<Finding>,
    /// The image of the photo that was looked at.
    pub image: Option<Pixels>,
    /// Milliseconds that the site's clock is ahead of ours, where it tells.
    pub ahead: Option<i64>,
}

impl From<Vec<Finding>> for Explained {
    fn from(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            ..Self::default()
        }
    }
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    /// As it should.
    Works,
    /// It may fail later.
    Doubtful,
    /// Nothing is there; that may be right for this photo.
    Nothing,
    /// It does not work.
    Fails,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Report(Explained);

impl Report {
    pub(super) fn add(&mut self, key: &str, verdict: Finds, text: impl Into<String>) {
        self.0.findings.push(Finding {
            key: format!("site.{key}"),
            verdict,
            text: text.into(),
        });
    }

    fn fails(&mut self, site: &RestSite, key: &str, error: &SiteError) {
        // Where nothing ever answered, no line of the description can be wrong.
        let key = if site.api.courier.reached() {
            key
        } else {
            "base_url"
        };
        self.add(key, Finds::Fails, error.to_string());
    }
}

/// Tries everything that a run does but writing, on one photo: the named one, or
/// the first of the listing.
pub(super) async fn explain(site: &RestSite, photo: Option<PhotoId>) -> Explained {
    let mut report = Report::default();
    match site.api.probe().await {
        None => report.add(
            "probe",
            Finds::Nothing,
            "none is described, so a wrong token may show only when something is written",
        ),
        Some(Ok(())) => report.add("probe", Finds::Works, "the credentials are taken"),
        Some(Err(error)) => {
            report.fails(site, "probe", &error);
            return report.0;
        }
    }
    let Some(photo) = chosen(site, photo, &mut report).await else {
        return report.0;
    };
    if let Some(reading) = look(site, &photo, &mut report).await {
        may_write::look(&site.api, &photo, &mut report).await;
        fetch(site, &photo, &reading, &mut report).await;
    }
    report.0
}

async fn chosen(site: &RestSite, photo: Option<PhotoId>, report: &mut Report) -> Option<PhotoId> {
    if photo.is_some() {
        return photo;
    }
    match site.list(Extent::All).next().await {
        Some(Ok(listed)) => {
            let tells = match listed.reading {
                Some(_) => "its item tells the alt text, so settled photos need no request each",
                None => "its item tells no alt text, so each photo is read by itself",
            };
            let text = format!("the first photo is {}; {tells}", listed.id);
            report.add("list", Finds::Works, text);
            Some(listed.id)
        }
        Some(Err(error)) => {
            report.fails(site, "list", &error);
            None
        }
        None => {
            report.add("list", Finds::Fails, "it lists no photo at all");
            None
        }
    }
}

async fn look(site: &RestSite, photo: &PhotoId, report: &mut Report) -> Option<Reading> {
    let reading = match site.read(photo).await {
        Ok(reading) => reading,
        Err(error) => {
            report.fails(site, "read", &error);
            return None;
        }
    };
    report.add("read", Finds::Works, format!("{photo} can be read"));
    let api = &site.api;
    let parcel = api.reading_parcel(photo).ok()?;
    let answer = api.courier.exchange(&parcel).await.ok()?;
    report.0.ahead = ahead(&answer);
    let document = json(&answer).ok()?;
    let description = &api.description;
    let item = description.item(&document, &description.read.item)?;
    let fields = &description.fields;
    for (key, sources, shown) in [
        ("fields.alt", &fields.alt, &reading.alt),
        ("fields.title", &fields.title, &reading.title),
        ("fields.caption", &fields.caption, &reading.caption),
        ("fields.album", &fields.album, &reading.album),
    ] {
        explain_sources(report, key, sources, shown.as_deref(), &item);
    }
    explain_pointers(report, "fields.changed", &fields.changed, &item);
    explain_pointers(report, "fields.mime", &fields.mime, &item);
    match (&description.tag, reading.marking) {
        (None, _) => {
            let text = "none is described: the checkpoint alone knows which texts are ours";
            report.add("tag", Finds::Nothing, text);
        }
        (Some(tag), Marking::Impossible) => {
            let text = format!(
                "this photo has no {}: the checkpoint alone knows whether its text is ours",
                quoted(&tag.pointer)
            );
            report.add("tag", Finds::Nothing, text);
        }
        (Some(tag), Marking::Possible) => {
            let value = tag.pointer.find(&item);
            let means = match (reading.tag, value) {
                (Some(tag), _) => format!("which means {}", tag.as_str()),
                (None, _) => "which means that nobody said".to_owned(),
            };
            let value = value.map_or_else(|| "nothing".to_owned(), excerpt);
            let text = format!("{} is {value}, {means}", quoted(&tag.pointer));
            report.add("tag", Finds::Works, text);
        }
    }
    for pointer in description.echoed() {
        let found = pointer.find(&item);
        let (verdict, text) = match found {
            Some(value) => (
                Finds::Works,
                format!("sends {} back: {}", quoted(pointer), excerpt(value)),
            ),
            None => (
                Finds::Nothing,
                format!("has nothing at {} to send back", quoted(pointer)),
            ),
        };
        report.add("update.body", verdict, text);
    }
    Some(reading)
}

async fn fetch(site: &RestSite, photo: &PhotoId, reading: &Reading, report: &mut Report) {
    let from = reading.image.as_deref();
    match site.pixels(photo, reading).await {
        Ok(pixels) => {
            let kind = image::guess_format(&pixels.bytes);
            let (verdict, kind) = match kind {
                Ok(kind) => (Finds::Works, kind.to_mime_type()),
                Err(_) => (Finds::Fails, "no image that altfill knows"),
            };
            let from = from.map_or_else(String::new, |from| format!(" from {}", cut(from)));
            let text = format!("{} bytes of {kind}{from}", pixels.bytes.len());
            report.add("image", verdict, text);
            report.0.image = Some(pixels);
        }
        Err(error) => report.add("image", Finds::Fails, error.to_string()),
    }
}

/// How far the site's clock is ahead of ours, in milliseconds, give or take the
/// second that a `Date` header leaves out.
fn ahead(answer: &Answer) -> Option<i64> {
    let there = httpdate::parse_http_date(answer.header(DATE)?).ok()?;
    // A cache hands on the date of the day on which it got the answer.
    let age = answer.header(AGE).and_then(|age| age.parse().ok());
    let there = there + Duration::from_secs(age.unwrap_or(0));
    let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Some(match there.duration_since(SystemTime::now()) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    })
}

fn explain_sources(
    report: &mut Report,
    key: &str,
    sources: &Sources,
    shown: Option<&str>,
    item: &Value,
) {
    let pointers: Vec<&str> = sources.pointers().map(Pointer::as_str).collect();
    if let Some(text) = shown {
        let empty = if text.is_empty() { " (empty)" } else { "" };
        report.add(
            key,
            Finds::Works,
            format!("{}{empty}", cut(&format!("{text:?}"))),
        );
    } else if !pointers.is_empty() {
        explain_nothing(report, key, &pointers, item);
    }
}

fn explain_pointers(report: &mut Report, key: &str, pointers: &Pointers, item: &Value) {
    match pointers.find(item) {
        Some(value) => report.add(key, Finds::Works, excerpt(value)),
        None if pointers.0.is_empty() => {}
        None => {
            let pointers: Vec<&str> = pointers.0.iter().map(Pointer::as_str).collect();
            explain_nothing(report, key, &pointers, item);
        }
    }
}

/// A place that is there and holds nothing is told from one that is not there:
/// that may be a mistyped pointer.
fn explain_nothing(report: &mut Report, key: &str, pointers: &[&str], item: &Value) {
    let mut there = pointers.iter().copied();
    if let Some((pointer, value)) = there.find_map(|at| Some((at, item.pointer(at)?))) {
        let text = format!("{} at \"{pointer}\": this photo has none", excerpt(value));
        return report.add(key, Finds::Nothing, text);
    }
    let deepest = pointers.iter().map(|pointer| deepest(item, pointer));
    let deepest = deepest.max_by_key(|at| at.len()).unwrap_or_default();
    let there = item.pointer(deepest).unwrap_or(item);
    let quoted: Vec<String> = pointers.iter().map(|at| format!("\"{at}\"")).collect();
    let text = format!(
        "nothing at {}{}",
        quoted.join(" or "),
        keys_at(deepest, there)
    );
    // Without the alt texts that are there, everything would seem to lack one.
    let verdict = match key {
        "fields.alt" => Finds::Doubtful,
        _ => Finds::Nothing,
    };
    report.add(key, verdict, text);
}

fn quoted(pointer: &Pointer) -> String {
    format!("\"{}\"", pointer.as_str())
}

/// As much of a pointer as leads somewhere.
fn deepest<'p>(item: &Value, pointer: &'p str) -> &'p str {
    let ends = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
    let mut found = ends.filter(|at| item.pointer(at).is_some());
    found.next_back().unwrap_or_default()
}

fn excerpt(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
