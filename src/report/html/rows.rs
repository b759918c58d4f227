//! The photos as data for the page's script.

use super::super::facts::{Photo, Report, State};
use crate::archive::{Language, Reason};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// One photo as the script reads it.
#[derive(Serialize)]
struct Row<'a> {
    photo: &'a str,
    album: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    after: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
}

/// The photos as JSON that no text can step out of.
pub(super) fn data(report: &Report, language: &Language) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        language: &'a str,
        states: Map<String, Value>,
        reasons: Map<String, Value>,
        photos: Vec<Row<'a>>,
    }
    let states = State::ALL.map(|state| (state.as_str().to_owned(), json!(state.words())));
    let reasons = Reason::ALL.map(|it| (it.as_str().to_owned(), json!(it.to_string())));
    let data = Data {
        language: language.as_str(),
        states: states.into_iter().collect(),
        reasons: reasons.into_iter().collect(),
        photos: report.photos.iter().map(row).collect(),
    };
    let text = serde_json::to_string(&data).expect("a report is plain data");
    // Inside a script element only these could end or disturb it, and in JSON
    // they stand in strings alone.
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", c as u32);
            }
            _ => safe.push(c),
        }
    }
    safe
}

fn row(photo: &Photo) -> Row<'_> {
    Row {
        photo: &photo.id,
        album: &photo.album,
        title: photo.title.as_deref(),
        state: photo.state,
        outcome: photo.outcome.as_deref(),
        why: photo.why.as_deref(),
        before: photo.alt_before.as_deref(),
        after: &photo.alt_after,
        draft: photo.draft.as_deref(),
        model: photo.model.as_deref(),
        score: photo.score,
        verdict: photo.verdict,
        reasons: &photo.reasons,
        decision: photo.decision.as_deref(),
        run: photo.run,
        at: photo.at.as_deref(),
        link: photo.link.as_deref(),
        image: photo.image.as_deref(),
    }
}
