//! The texts of all photos as a JSON array of objects with `path`, `alt` and
//! `source`, and whatever else a person or a program keeps there. Only the values
//! that change are replaced; every other byte stays.

use super::super::TagChange;
use super::file::{Found, NewRow, Row, source, word};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

pub(super) fn empty() -> Vec<u8> {
    b"[\n]\n".to_vec()
}

#[derive(Deserialize)]
struct Entry<'t> {
    path: String,
    #[serde(borrow, default, deserialize_with = "there")]
    alt: Option<&'t RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    source: Option<&'t RawValue>,
}

/// A value that is there, though it may be `null`.
fn there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

/// The rows of a file.
pub(super) fn find(bytes: &[u8]) -> Result<Found, String> {
    let (text, items) = items(bytes)?;
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let (path, row, _) = entry(text, item)?;
        rows.push((path, row));
    }
    Ok(Found {
        rows,
        has_source: true,
    })
}

/// The file with some rows changed or added.
pub(super) fn with(bytes: &[u8], wished: &HashMap<String, NewRow>) -> Result<Vec<u8>, String> {
    let (text, items) = items(bytes)?;
    let mut new = String::with_capacity(text.len() + 1024);
    let mut left: HashMap<&str, &NewRow> = wished
        .iter()
        .map(|(path, row)| (path.as_str(), row))
        .collect();
    let mut at = 0;
    let mut last = None;
    for item in items {
        let end = place(text, item.get()).end;
        last = Some(end);
        let (path, _, places) = entry(text, item)?;
        let path = path.strip_prefix("./").unwrap_or(&path);
        let Some(change) = wished.get(path) else {
            continue;
        };
        left.remove(path);
        let taken_from_nothing = places.source.is_none() && change.source == TagChange::Clear;
        let source = word(change.source)
            .filter(|_| !taken_from_nothing)
            .map(quoted);
        let mut fields = vec![("alt", places.alt, Some(quoted(&change.alt)))];
        fields.push(("source", places.source, source));
        fields.sort_by_key(|(_, place, _)| place.as_ref().map_or(usize::MAX, |place| place.start));
        for (name, place, value) in fields {
            let Some(value) = value else { continue };
            if let Some(place) = place {
                new.push_str(&text[at..place.start]);
                new.push_str(&value);
                at = place.end;
            } else {
                // Behind the last field, before what closes the object.
                let inside = text[..end - 1].trim_end().len().max(at);
                new.push_str(&text[at..inside]);
                let _ = write!(new, ", \"{name}\": {value}");
                at = inside;
            }
        }
    }
    let mut left: Vec<_> = left.into_values().collect();
    left.sort_by(|one, other| one.path.cmp(&other.path));
    if !left.is_empty() {
        let open = text.find('[').map_or(0, |open| open + 1);
        let place = last.unwrap_or(open);
        new.push_str(&text[at..place]);
        at = place;
        for (nth, change) in left.into_iter().enumerate() {
            if last.is_some() || nth > 0 {
                new.push(',');
            }
            let [path, alt] = [&change.path, &change.alt].map(|text| quoted(text));
            let source = quoted(word(change.source).unwrap_or_default());
            let _ = write!(
                new,
                "\n  {{\"path\": {path}, \"alt\": {alt}, \"source\": {source}}}"
            );
        }
        if !text[at..].starts_with(['\r', '\n']) {
            new.push('\n');
        }
    }
    new.push_str(&text[at..]);
    let order_mark = bytes.len() - text.len();
    Ok([&bytes[..order_mark], new.as_bytes()].concat())
}

/// Where the values of one object stand.
struct Places {
    alt: Option<Range<usize>>,
    source: Option<Range<usize>>,
}

fn items(bytes: &[u8]) -> Result<(&str, Vec<&RawValue>), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let items = serde_json::from_str(text).map_err(|error| {
        format!("it is no JSON array of objects with path, alt and source: {error}")
    })?;
    Ok((text, items))
}

fn entry(text: &str, item: &RawValue) -> Result<(String, Row, Places), String> {
    let line = || text[..place(text, item.get()).start].matches('\n').count() + 1;
    let wrong = |error: serde_json::Error| format!("the object on line {}: {error}", line());
    let entry: Entry<'_> = serde_json::from_str(item.get()).map_err(wrong)?;
    let word = |name: &str, value: Option<&RawValue>| -> Result<String, String> {
        let text: Option<Option<String>> = value
            .map(|value| serde_json::from_str(value.get()))
            .transpose()
            .map_err(|error| format!("`{name}` of the object on line {}: {error}", line()))?;
        Ok(text.flatten().unwrap_or_default())
    };
    let row = Row {
        alt: word("alt", entry.alt)?,
        source: source(&word("source", entry.source)?),
    };
    let at = |value: Option<&RawValue>| value.map(|value| place(text, value.get()));
    let places = Places {
        alt: at(entry.alt),
        source: at(entry.source),
    };
    Ok((entry.path, row, places))
}

/// Where a part of the text stands in it: the parser borrows from the text, so that
/// the distance of the two is the place.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let start = start.min(text.len());
    start..(start + part.len()).min(text.len())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
