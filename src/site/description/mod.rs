//! The description that drives a site: where its photos are listed, read and
//! written, where their texts are in the replies, how a machine's mark is said.
//! Presets are such descriptions as TOML files; everything here is pure.

mod auth;
mod errors;
mod fields;
mod image;
mod request;
mod sections;
mod tag;
#[cfg(test)]
mod tests;

pub(super) use auth::{Auth, Credential};
pub(super) use errors::{Errors, Meaning};
pub(super) use fields::{Place, Pointer, Pointers, Sources, plain};
pub(super) use image::Image;
pub(super) use request::Request;
pub(super) use sections::{Confirm, Fields, List, Probe, Update};
pub use tag::TagChange;
pub(super) use tag::TagMap;

use super::address::{IdParts, IdShape};
use super::body::{self, Leaf};
use super::cleaning;
use crate::archive::{Marking, Reading};
use sections::{Join, Raw, Read};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A site, described.
#[derive(Debug)]
pub(super) struct Description {
    /// The parts of an id.
    pub(super) id: IdShape,
    /// How the credential is sent.
    pub(super) auth: Auth,
    /// A request that works only with good credentials.
    pub(super) probe: Option<Probe>,
    /// The request that lists photos, a page at a time.
    pub(super) list: List,
    /// The request that shows one photo.
    pub(super) read: Read,
    /// The request that changes one photo.
    pub(super) update: Update,
    /// Where the texts are.
    pub(super) fields: Fields,
    /// Where the image is; `None` where only the settings know.
    pub(super) image: Option<Image>,
    /// How a mark is said; `None` where the site holds none.
    pub(super) tag: Option<TagMap>,
    /// What an answer means.
    pub(super) errors: Errors,
    join: Option<Join>,
    /// What an update sends back of what was read.
    echoed: Vec<Pointer>,
}

/// Why a description can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Faulty {
    /// The key, such as `list.paging`; empty where it is about all of it.
    pub(super) key: String,
    /// What is wrong with it.
    pub(super) why: String,
}

/// Why a JSON document can't be read as a photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is not a photo at all.
    NotAPhoto(String),
    /// It is one, but its alt text is not a text.
    BadAlt(String),
    /// No alt text was found, and yet there is one in the place that an update
    /// would write to: the description looks in the wrong place.
    TextElsewhere {
        /// Where.
        place: String,
        /// The text.
        text: String,
    },
}

/// What an update says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    /// The new alt text, where it changes.
    pub(super) alt: Option<&'a str>,
    /// What happens to the mark.
    pub(super) tag: TagChange,
    /// What the photo read like.
    pub(super) read: &'a Reading,
}

impl Description {
    /// Reads a description and checks what serde can't.
    pub(super) fn from_value(value: &Value) -> Result<Self, Faulty> {
        let raw: Raw = serde_path_to_error::deserialize(value).map_err(|error| Faulty {
            key: match error.path().to_string() {
                path if path == "." => String::new(),
                path => path,
            },
            why: error.inner().to_string(),
        })?;
        raw.check()
    }

    /// The alt text's pointers decide whether an item of a listing tells enough
    /// to judge it by.
    pub(super) fn tells_alt(&self, item: &Value) -> bool {
        let mut pointers = self.fields.alt.pointers();
        pointers.any(|pointer| pointer.is_there(item))
    }

    /// One item as the pointers see it: with what is joined to it.
    pub(super) fn joined<'v>(&self, item: &'v Value, document: &Value) -> Cow<'v, Value> {
        match &self.join {
            Some(join) => join.add(item, document),
            None => Cow::Borrowed(item),
        }
    }

    /// The photo in a reply to a read or an update.
    pub(super) fn item<'v>(&self, document: &'v Value, at: &Pointers) -> Option<Cow<'v, Value>> {
        let item = at.find(document)?;
        Some(self.joined(item, document))
    }

    /// Reads a photo out of an item. `edge` is the wanted longer side of its
    /// image, in pixels.
    pub(super) fn reading(
        &self,
        item: &Value,
        id: &IdParts<'_>,
        edge: u32,
    ) -> Result<Reading, Unfit> {
        let kind = match item {
            Value::Object(_) => None,
            Value::Array(_) => Some("a JSON list"),
            Value::Null => Some("the JSON value null"),
            _ => Some("a bare JSON value"),
        };
        if let Some(kind) = kind {
            return Err(Unfit::NotAPhoto(kind.to_owned()));
        }
        // An error in JSON with status 200 must not pass for a photo without
        // alt text: one known field has to be there, if only as null.
        if !self.known_pointers().any(|p| p.is_there(item)) {
            let pointers: Vec<&str> = self.known_pointers().map(Pointer::as_str).collect();
            return Err(Unfit::NotAPhoto(format!(
                "JSON without any of {}",
                pointers.join(", ")
            )));
        }
        let alt = self.alt(item)?;
        if alt.as_deref().is_none_or(|text| text.trim().is_empty())
            && let Some((place, text)) = self.overlooked(item)
        {
            return Err(Unfit::TextElsewhere { place, text });
        }
        let fields = &self.fields;
        let echo = self.echoed.iter().filter_map(|pointer| {
            let value = pointer.find(item)?.clone();
            Some((pointer.as_str().to_owned(), value))
        });
        Ok(Reading {
            alt,
            tag: self.tag.as_ref().and_then(|tag| tag.read(item)),
            marking: self.marking(item),
            title: fields.title.text(item, id),
            caption: fields.caption.text(item, id),
            album: fields.album.text(item, id),
            place: None,
            image: self
                .image
                .as_ref()
                .and_then(|image| image.address(item, edge)),
            pixels: self.image.as_ref().and_then(|image| image.version(item)),
            changed: fields.changed.text(item),
            echo: echo.collect(),
            etag: None,
        })
    }

    /// What an update sends back of what was read.
    pub(super) fn echoed(&self) -> &[Pointer] {
        &self.echoed
    }

    /// What an item is that is no image, by its MIME type; one that doesn't say
    /// is an image.
    pub(super) fn other_kind(&self, item: &Value) -> Option<String> {
        let kind = self.fields.mime.text(item)?;
        let kind = kind.trim();
        (!kind.to_ascii_lowercase().starts_with("image")).then(|| kind.to_owned())
    }

    /// The body of an update; `None` where nothing is to be said.
    pub(super) fn body(&self, change: Change<'_>, id: &IdParts<'_>) -> Option<Value> {
        let alt = change
            .alt
            .map(|alt| Value::from(cleaning::escape(alt, &self.update.escape)));
        let tag = match change.read.marking {
            Marking::Possible => self.tag.as_ref().and_then(|tag| tag.value(change.tag)),
            Marking::Impossible => None,
        };
        if alt.is_none() && tag.is_none() {
            return None;
        }
        let template = self.update.request.body.as_ref()?;
        body::fill(template, &|leaf| match leaf {
            Leaf::Variable("alt") => alt.clone(),
            Leaf::Variable("tag") => tag.clone(),
            Leaf::Variable(part) => id.get(part).map(Value::from),
            Leaf::Read(pointer) => {
                let mut echo = change.read.echo.iter();
                echo.find(|(known, _)| known == pointer)
                    .map(|(_, value)| value.clone())
            }
        })
        .or_else(|| Some(Value::Object(Map::new())))
    }

    /// What the site is known to make of a text that is sent.
    pub(super) fn cleaned(&self, alt: &str) -> String {
        let sent = cleaning::escape(alt, &self.update.escape);
        if self.update.cleaning.is_empty() {
            // Most sites at least trim.
            return sent.trim().to_owned();
        }
        cleaning::clean(&sent, &self.update.cleaning)
    }

    fn marking(&self, item: &Value) -> Marking {
        let tag = self.tag.as_ref();
        tag.map_or(Marking::Impossible, |tag| tag.marking(item))
    }

    fn alt(&self, item: &Value) -> Result<Option<String>, Unfit> {
        let mut pointers = self.fields.alt.pointers();
        match pointers.find_map(|pointer| pointer.find(item)) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(Unfit::BadAlt(format!(
                "its alt text is {}, not a text",
                kind_of(other)
            ))),
        }
    }

    /// A text where an update would put ours. The body of an update often lies
    /// deeper than the item does (`data`, `fileInfo`), so its last steps count too.
    fn overlooked(&self, item: &Value) -> Option<(String, String)> {
        let body = self.update.request.body.as_ref()?;
        body::places(body, "alt").iter().find_map(|place| {
            let mut steps = place.match_indices('/').map(|(at, _)| &place[at..]);
            let (place, value) = steps.find_map(|step| Some((step, item.pointer(step)?)))?;
            let text = value.as_str().filter(|text| !text.trim().is_empty())?;
            Some((place.to_owned(), text.to_owned()))
        })
    }

    /// Pointers of which a photo has at least one.
    fn known_pointers(&self) -> impl Iterator<Item = &Pointer> {
        let fields = &self.fields;
        [&fields.alt, &fields.title, &fields.caption]
            .into_iter()
            .flat_map(Sources::pointers)
            .chain(self.tag.as_ref().map(|tag| &tag.pointer))
    }
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "site: {}", self.why),
            key => write!(f, "site.{key}: {}", self.why),
        }
    }
}

impl Faulty {
    fn at(key: &str) -> impl Fn(String) -> Self {
        let key = key.to_owned();
        move |why| Self {
            key: key.clone(),
            why,
        }
    }
}

/// What a JSON value is, for a sentence.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
