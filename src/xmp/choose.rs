//! Which of a text's languages counts.

use super::found::{Item, Property, Scan, Value};
use super::{XmpError, names};

/// What XMP calls the text for everybody.
pub(super) const DEFAULT: &str = "x-default";

/// The alt text's property, and which of its texts is the one of a language;
/// `None` where it has others only.
pub(super) struct Chosen<'s> {
    pub(super) property: &'s Property,
    pub(super) item: Option<&'s Item>,
}

impl Chosen<'_> {
    /// The text, where there is one of this language.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.property.value {
            Value::Text(text, _) => Some(text),
            Value::Items(..) => self.item.map(|item| item.text.as_str()),
            Value::Other => None,
        }
    }

    /// The words that are shown in this language while its own item is empty.
    pub(super) fn stand_in(&self, language: &str) -> Option<&str> {
        match &self.property.value {
            Value::Items(items, _) => stand_in(items, language).map(|item| item.text.as_str()),
            Value::Text(..) | Value::Other => None,
        }
    }
}

/// Finds the alt text of a language.
pub(super) fn alt<'s>(scan: &'s Scan, language: &str) -> Result<Option<Chosen<'s>>, XmpError> {
    let all = scan.tops.iter().flat_map(|top| &top.properties);
    let mut found = all.filter(|property| property.is(names::ALT));
    let Some(property) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(XmpError::Twice);
    }
    let item = match &property.value {
        Value::Other => return Err(XmpError::NotText),
        Value::Text(..) => None,
        Value::Items(items, _) => item(items, language),
    };
    Ok(Some(Chosen { property, item }))
}

/// The item of a language: that very one, one of its regions, the language
/// without a region, or the text for everybody.
pub(super) fn item<'i>(items: &'i [Item], language: &str) -> Option<&'i Item> {
    let items = items.iter();
    pick(&items, language)
}

/// The item whose words stand for a language whose own item is empty: one of a
/// region of the same language, or the text for everybody.
pub(super) fn stand_in<'i>(items: &'i [Item], language: &str) -> Option<&'i Item> {
    let items = items.iter().filter(|item| !item.text.trim().is_empty());
    let primary = |tag: &str| {
        let primary = tag.split('-').next().unwrap_or_default();
        primary.to_ascii_lowercase()
    };
    let sibling = |item: &&Item| {
        let tag = item.language.as_deref();
        tag.is_some_and(|tag| primary(tag) == primary(language))
    };
    let mut siblings = items.clone();
    pick(&items, language).or_else(|| siblings.find(sibling))
}

/// Whether one of these would be shown in a language.
pub(super) fn any<'i>(items: &(impl Iterator<Item = &'i Item> + Clone), language: &str) -> bool {
    pick(items, language).is_some()
}

fn pick<'i>(items: &(impl Iterator<Item = &'i Item> + Clone), language: &str) -> Option<&'i Item> {
    let is = |fits: &dyn Fn(&str) -> bool| {
        items
            .clone()
            .find(|item| item.language.as_deref().is_some_and(fits))
    };
    let begins = |long: &str, short: &str| {
        let (long, short) = (long.to_ascii_lowercase(), short.to_ascii_lowercase());
        let rest = long.strip_prefix(&short);
        rest.is_some_and(|rest| rest.starts_with('-'))
    };
    is(&|tag| tag.eq_ignore_ascii_case(language))
        .or_else(|| is(&|tag| begins(tag, language)))
        .or_else(|| is(&|tag| tag != DEFAULT && begins(language, tag)))
        .or_else(|| is(&|tag| tag.eq_ignore_ascii_case(DEFAULT)))
        .or_else(|| items.clone().find(|item| item.language.is_none()))
}
