//! Finding things in a JSON document by the names that they usually have.

use serde_json::{Map, Value};

pub(super) const IDS: [&str; 8] = [
    "id",
    "_id",
    "uuid",
    "uid",
    "key",
    "slug",
    "guid",
    "identifier",
];
pub(super) const ALTS: [&str; 10] = [
    "alt",
    "alt_text",
    "alttext",
    "alternativetext",
    "alternative_text",
    "alternative",
    "imagealt",
    "image_alt",
    "alttag",
    "accessibility_text",
];
pub(super) const TITLES: [&str; 6] = ["title", "heading", "headline", "name", "label", "filename"];
pub(super) const CAPTIONS: [&str; 5] = ["caption", "description", "summary", "legend", "text"];
pub(super) const CHANGES: [&str; 8] = [
    "updated_at",
    "updatedat",
    "modified",
    "modified_at",
    "changed",
    "updated",
    "last_modified",
    "dateupdated",
];
pub(super) const MIMES: [&str; 6] = [
    "mime",
    "mime_type",
    "mimetype",
    "content_type",
    "contenttype",
    "filemime",
];
pub(super) const IMAGES: [&str; 7] = ["url", "src", "href", "source_url", "path", "file", "image"];

/// The list of objects nearest to the root, with where it is.
pub(super) fn items(document: &Value) -> Option<(String, &Vec<Value>)> {
    let is_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| list.first().is_some_and(Value::is_object))
    };
    let mut level: Vec<(String, &Value)> = vec![(String::new(), document)];
    for _ in 0..4 {
        if let Some((at, list)) = level
            .iter()
            .filter(|(_, value)| is_list(value))
            .max_by_key(|(_, value)| value.as_array().map_or(0, Vec::len))
        {
            return Some((at.clone(), list.as_array()?));
        }
        level = level
            .into_iter()
            .filter_map(|(at, value)| Some((at, value.as_object()?)))
            .flat_map(|(at, fields)| {
                fields
                    .iter()
                    .map(move |(name, value)| (format!("{at}/{}", escaped(name)), value))
            })
            .collect();
    }
    None
}

/// Texts, numbers and nulls inside an object, by where they are; lists left out.
pub(super) fn leaves(item: &Value) -> Vec<(String, &Value)> {
    fn walk<'v>(
        at: &str,
        fields: &'v Map<String, Value>,
        depth: usize,
        found: &mut Vec<(String, &'v Value)>,
    ) {
        for (name, value) in fields {
            let at = format!("{at}/{}", escaped(name));
            match value {
                Value::Object(inner) if depth < 5 => walk(&at, inner, depth + 1, found),
                Value::Object(_) | Value::Array(_) | Value::Bool(_) => {}
                plain => found.push((at, plain)),
            }
        }
    }
    let mut found = Vec::new();
    if let Value::Object(fields) = item {
        walk("", fields, 0, &mut found);
    }
    found
}

pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The last name of a pointer, in lower case.
fn name(pointer: &str) -> String {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    last.to_ascii_lowercase().replace('-', "_")
}

/// The leaf whose name comes first in a list of names; of several the one that
/// is nearest to the root.
pub(super) fn named<'l>(
    leaves: &'l [(String, &Value)],
    names: &[&str],
    fits: impl Fn(&Value) -> bool,
) -> Option<&'l (String, &'l Value)> {
    let depth = |at: &str| at.matches('/').count();
    names.iter().find_map(|wanted| {
        let found = leaves
            .iter()
            .filter(|(at, value)| name(at) == *wanted && fits(value));
        found.min_by_key(|(at, _)| depth(at))
    })
}

pub(super) fn is_text(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

/// Whether a value can be the address of an image.
pub(super) fn is_image(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let path = text
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let endings = [
        ".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp",
    ];
    endings.iter().any(|ending| path.ends_with(ending)) && !text.contains(' ')
}
