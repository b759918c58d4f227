//! Where values are: JSON pointers with fallbacks, parts of ids, headers.

use super::super::address::{Encoding, IdParts, Template};
use super::super::html;
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;

/// An RFC 6901 pointer to something inside a document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(in super::super) struct Pointer(String);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let escapes_are_whole = text
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']));
        let begins = text.is_empty() || text.starts_with('/');
        if !begins || !escapes_are_whole {
            return Err(format!(
                "\"{text}\" is no JSON pointer: it begins with / and writes ~ as ~0, / as ~1"
            ));
        }
        Ok(Self(text))
    }
}

impl Default for Pointer {
    /// The whole document.
    fn default() -> Self {
        Self(String::new())
    }
}

impl Pointer {
    /// What it points at; `null` counts as nothing.
    pub(in super::super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0).filter(|value| !value.is_null())
    }

    /// Whether there is anything at all, if only `null`.
    pub(in super::super) fn is_there(&self, document: &Value) -> bool {
        document.pointer(&self.0).is_some()
    }

    /// The pointer as it was written.
    pub(in super::super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Pointers, the preferred one first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(in super::super) struct Pointers(pub(in super::super) Vec<Pointer>);

impl TryFrom<Value> for Pointers {
    type Error = String;

    fn try_from(raw: Value) -> Result<Self, String> {
        let pointer = |value| match value {
            Value::String(text) => Pointer::try_from(text),
            other => Err(format!("{other} is no JSON pointer such as \"/alt\"")),
        };
        one_or_many(raw)
            .into_iter()
            .map(pointer)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// One value, or each of a list of them.
fn one_or_many(raw: Value) -> Vec<Value> {
    match raw {
        Value::Array(many) => many,
        one => vec![one],
    }
}

impl Pointers {
    /// The first value that is there.
    pub(in super::super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().find_map(|pointer| pointer.find(document))
    }

    /// The first text or number that is there.
    pub(in super::super) fn text(&self, document: &Value) -> Option<String> {
        self.0
            .iter()
            .find_map(|pointer| plain(pointer.find(document)?))
    }

    /// All pointers, for messages.
    pub(in super::super) fn shown(&self) -> String {
        let names: Vec<String> = self
            .0
            .iter()
            .map(|p| format!("\"{}\"", p.as_str()))
            .collect();
        names.join(" or ")
    }
}

/// A text, or a number as one.
pub(in super::super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Places where a text may be, the preferred one first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
pub(in super::super) struct Sources(pub(in super::super) Vec<Source>);

/// One such place.
#[derive(Clone, Debug)]
pub(in super::super) enum Source {
    /// Inside the item.
    Pointer(Pointer),
    /// Inside the item, and it is HTML.
    Html(Pointer),
    /// A part of the photo's id.
    Id(Template),
}

impl TryFrom<Value> for Sources {
    type Error = String;

    fn try_from(raw: Value) -> Result<Self, String> {
        let source = |value| match value {
            Value::String(text) if text.starts_with('{') => {
                Template::try_from(text).map(Source::Id)
            }
            Value::String(text) => Pointer::try_from(text).map(Source::Pointer),
            Value::Object(mut table) => match (table.remove("html"), table.is_empty()) {
                (Some(Value::String(text)), true) => Pointer::try_from(text).map(Source::Html),
                _ => Err("a table here is written { html = \"/pointer\" }".to_owned()),
            },
            other => Err(format!("{other} is no JSON pointer such as \"/alt\"")),
        };
        one_or_many(raw)
            .into_iter()
            .map(source)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Sources {
    /// The pointers among them.
    pub(in super::super) fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.0.iter().filter_map(|source| match source {
            Source::Pointer(pointer) | Source::Html(pointer) => Some(pointer),
            Source::Id(_) => None,
        })
    }

    /// Whether one of them is HTML.
    pub(super) fn has_html(&self) -> bool {
        let mut sources = self.0.iter();
        sources.any(|source| matches!(source, Source::Html(_)))
    }

    /// Refuses parts of an id that ids don't have.
    pub(super) fn check(&self, parts: &[&str]) -> Result<(), String> {
        self.0.iter().try_for_each(|source| match source {
            Source::Id(template) => template.check(parts),
            _ => Ok(()),
        })
    }

    /// The first of them that holds some text, on one line.
    pub(in super::super) fn text(&self, item: &Value, id: &IdParts<'_>) -> Option<String> {
        self.0.iter().find_map(|source| match source {
            Source::Pointer(pointer) => one_line(&plain(pointer.find(item)?)?),
            Source::Html(pointer) => one_line(&html::to_text(&plain(pointer.find(item)?)?)),
            // Ids are slugs: a person would say "summer 2019", not "summer-2019".
            Source::Id(template) => {
                let slug = template.render(Encoding::Plain, |name| id.get(name));
                one_line(&slug.replace(['-', '_'], " "))
            }
        })
    }
}

/// A text on one line; nothing where it is blank.
pub(in super::super) fn one_line(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Where a reply says something about the whole listing.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in super::super) enum Place {
    /// In its body.
    Body(Pointer),
    /// In a header.
    Header(HeaderName),
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("header:") {
            Some(name) => HeaderName::try_from(name.trim())
                .map(Self::Header)
                .map_err(|_| format!("\"{name}\" is no name of a header")),
            None => Pointer::try_from(text).map(Self::Body),
        }
    }
}

impl Place {
    /// What stands there.
    pub(in super::super) fn text(&self, headers: &HeaderMap, body: &Value) -> Option<String> {
        match self {
            Self::Body(pointer) => plain(pointer.find(body)?),
            Self::Header(name) => Some(headers.get(name)?.to_str().ok()?.trim().to_owned()),
        }
    }

    /// The number that stands there.
    pub(in super::super) fn number(&self, headers: &HeaderMap, body: &Value) -> Option<u64> {
        self.text(headers, body)?.parse().ok()
    }
}
