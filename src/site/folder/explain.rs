//! Explains a folder to its owner: what was found, where the texts are, and whether
//! it may be written to. Nothing is written to find out.

use super::super::{Finding, Finds, SiteError};
use super::Inner;
use super::list::Met;
use super::naming::full_name;
use super::trouble;
use crate::archive::{PhotoId, Reading};
use crate::photo;
use nix::unistd::AccessFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Characters that are shown of a text.
const SHOWN: usize = 70;

/// Failures of the walk that are named one by one.
const NAMED: usize = 5;

struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, key: &str, verdict: Finds, text: impl Into<String>) {
        self.0.push(Finding {
            key: format!("site.{key}"),
            verdict,
            text: text.into(),
        });
    }
}

/// What the walk found.
#[derive(Default)]
struct Survey {
    photos: u64,
    first: Option<PhotoId>,
    albums: BTreeSet<String>,
    /// A photo of each directory that has some.
    samples: BTreeMap<String, PhotoId>,
    unreadable: BTreeMap<String, u64>,
    links: u64,
    failed: Vec<SiteError>,
}

pub(super) fn explain(inner: &Inner, photo: Option<PhotoId>) -> Vec<Finding> {
    let mut report = Report(Vec::new());
    let survey = survey(inner);
    found(inner, &survey, &mut report);
    texts(inner, &survey, &mut report);
    if let Some(photo) = photo.or(survey.first) {
        one(inner, &photo, &mut report);
    }
    report.0
}

fn survey(inner: &Inner) -> Survey {
    let mut survey = Survey::default();
    let _ = inner.lister.walk(None, |met| {
        match met {
            Met::Photo(id, _) => {
                survey.photos += 1;
                let album = id
                    .as_str()
                    .rsplit_once('/')
                    .map_or("", |(album, _)| album)
                    .to_owned();
                survey.first.get_or_insert_with(|| id.clone());
                if survey.albums.insert(album.clone()) {
                    survey.samples.insert(album, id);
                }
            }
            Met::Unreadable(path) => {
                let kind = path.extension().unwrap_or_default().to_string_lossy();
                *survey.unreadable.entry(kind.to_uppercase()).or_default() += 1;
            }
            Met::Link => survey.links += 1,
            Met::Failed(error) => survey.failed.push(error),
        }
        ControlFlow::Continue(())
    });
    survey
}

fn found(inner: &Inner, survey: &Survey, report: &mut Report) {
    let path = inner.tree.path.display();
    let text = format!(
        "{path}: {} photos in {} directories",
        survey.photos,
        survey.albums.len()
    );
    let verdict = if survey.photos > 0 {
        Finds::Works
    } else {
        Finds::Fails
    };
    report.add("dir", verdict, text);
    for (kind, count) in &survey.unreadable {
        let text = format!("{count} {kind} files are passed over: this kind can't be read");
        report.add("dir", Finds::Nothing, text);
    }
    if survey.links > 0 {
        let text = format!(
            "{} links are passed over: links are not followed",
            survey.links
        );
        report.add("dir", Finds::Nothing, text);
    }
    for error in survey.failed.iter().take(NAMED) {
        report.add("dir", Finds::Fails, error.to_string());
    }
    if survey.failed.len() > NAMED {
        let text = format!("and {} more of this kind", survey.failed.len() - NAMED);
        report.add("dir", Finds::Fails, text);
    }
}

fn texts(inner: &Inner, survey: &Survey, report: &mut Report) {
    let Some(ledger) = &inner.ledger else {
        let refused = survey.samples.iter().filter_map(|(album, photo)| {
            let place = inner.tree.place(photo).ok()?;
            let why = place
                .may(".", AccessFlags::W_OK | AccessFlags::X_OK)
                .err()?;
            let album = if album.is_empty() { "." } else { album };
            Some(format!("{album}: {}", trouble::words(&why)))
        });
        let refused: Vec<String> = refused.collect();
        let count = survey.samples.len();
        if refused.is_empty() {
            let text = format!("XMP sidecars; all {count} directories may be written to");
            report.add("texts", Finds::Works, text);
        } else {
            let shown = refused
                .iter()
                .take(NAMED)
                .map(String::as_str)
                .collect::<Vec<_>>();
            let text = format!(
                "XMP sidecars; {} of {count} directories may not be written to: {}",
                refused.len(),
                shown.join("; ")
            );
            report.add("texts", Finds::Fails, text);
        }
        return;
    };
    let path = ledger.path().display();
    match ledger.survey() {
        Ok((_, _, false)) => {
            let text = format!("{path} is not there yet, and will be made");
            report.add("texts", Finds::Works, text);
        }
        Ok((rows, has_source, true)) => {
            report.add("texts", Finds::Works, format!("{path} has {rows} photos"));
            if !has_source {
                let text = format!(
                    "{path} has no column `source`: the checkpoint alone knows which texts are ours"
                );
                report.add("texts", Finds::Nothing, text);
            }
        }
        Err(error) => report.add("texts", Finds::Fails, error.to_string()),
    }
    let may = ledger
        .place()
        .map(|place| place.may(".", AccessFlags::W_OK | AccessFlags::X_OK));
    match may {
        Ok(Ok(())) => {}
        Ok(Err(why)) => {
            let text = format!("the directory of {path}: {}", trouble::words(&why));
            report.add("texts", Finds::Fails, text);
        }
        Err(error) => report.add("texts", Finds::Fails, error.to_string()),
    }
}

fn one(inner: &Inner, photo: &PhotoId, report: &mut Report) {
    let reading = match inner.read(photo) {
        Ok(reading) => reading,
        Err(error) => return report.add("read", Finds::Fails, error.to_string()),
    };
    let from = inner.sidecars.texts(&inner.tree, photo).map(|texts| {
        let sidecars: Vec<&str> = texts.sidecars().collect();
        match (sidecars.as_slice(), texts.is_embedded()) {
            ([], false) => format!(
                "it has no sidecar; {} would be made",
                full_name(file(photo))
            ),
            ([], true) => "the image file holds an alt text".to_owned(),
            (names, _) => format!("its sidecar is {}", names.join(" and ")),
        }
    });
    let from = match (from, &inner.ledger) {
        (Ok(text), None) => format!("; {text}"),
        _ => String::new(),
    };
    report.add("read", Finds::Works, format!("{photo} can be read{from}"));
    said(&reading, report);
    match inner.fetch(photo) {
        Ok(pixels) => {
            let date = photo::facts(&pixels.bytes).date;
            let date = date.map_or_else(String::new, |date| format!(", taken on {date}"));
            let bytes = pixels.bytes.len();
            if let Ok(kind) = image::guess_format(&pixels.bytes) {
                let text = format!("{bytes} bytes of {}{date}", kind.to_mime_type());
                report.add("image", Finds::Works, text);
            } else {
                let text = format!("{bytes} bytes of no image that altfill knows");
                report.add("image", Finds::Fails, text);
            }
        }
        Err(error) => report.add("image", Finds::Fails, error.to_string()),
    }
}

fn said(reading: &Reading, report: &mut Report) {
    for (key, value) in [
        ("alt", &reading.alt),
        ("title", &reading.title),
        ("caption", &reading.caption),
        ("place", &reading.place),
        ("album", &reading.album),
    ] {
        match value {
            Some(text) => report.add(key, Finds::Works, cut(&format!("{text:?}"))),
            None => report.add(key, Finds::Nothing, "there is none"),
        }
    }
    if let Some(tag) = reading.tag {
        let text = format!("the text is marked as a {}'s", tag.as_str());
        report.add("mark", Finds::Works, text);
    }
}

fn file(photo: &PhotoId) -> &str {
    let name = Path::new(photo.as_str()).file_name();
    name.and_then(|name| name.to_str()).unwrap_or_default()
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
