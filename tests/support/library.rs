//! The photos of a fake site, and whole libraries of them.

use super::photos;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Albums of a generated library. One needs percent-encoding, one isn't ASCII.
const ALBUMS: [&str; 6] = [
    "alps-2019",
    "coast",
    "city walks",
    "harbour",
    "Küste",
    "winter",
];

const SUBJECTS: [&str; 5] = ["Morning", "Evening", "A walk", "The market", "Rain"];

/// One photo of a fake site.
#[derive(Clone, Debug)]
pub(crate) struct FakePhoto {
    /// The record exactly as the API shows it: `title`, `alt`, `caption`,
    /// `verified`, any of which may be missing or null.
    pub(crate) record: Map<String, Value>,
    /// The image file; `None` means there is none.
    pub(crate) pixels: Option<Arc<[u8]>>,
    /// What the image is served as.
    pub(crate) content_type: String,
    /// Counts the changes of the record.
    pub(crate) version: u64,
}

impl FakePhoto {
    /// A photo without alt text and without a `verified` key.
    pub(crate) fn new(title: &str) -> Self {
        let record = json!({"title": title, "alt": "", "caption": ""});
        let Value::Object(record) = record else {
            unreachable!("written as an object")
        };
        Self {
            record,
            pixels: Some(Arc::clone(&photos::pool()[0])),
            content_type: "image/jpeg".to_owned(),
            version: 1,
        }
    }

    /// The same with this alt text.
    #[must_use]
    pub(crate) fn alt(self, text: &str) -> Self {
        self.field("alt", json!(text))
    }

    /// The same with this value of `verified`.
    #[must_use]
    pub(crate) fn verified(self, value: impl Into<Value>) -> Self {
        self.field("verified", value.into())
    }

    /// The same with this value of one key.
    #[must_use]
    pub(crate) fn field(mut self, key: &str, value: Value) -> Self {
        self.record.insert(key.to_owned(), value);
        self
    }

    /// The same without one key.
    #[must_use]
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.record.shift_remove(key);
        self
    }

    /// The same with this image file; an empty one is an empty file.
    #[must_use]
    pub(crate) fn pixels(mut self, file: impl Into<Arc<[u8]>>) -> Self {
        self.pixels = Some(file.into());
        self
    }

    /// The same without an image file.
    #[must_use]
    pub(crate) fn no_pixels(mut self) -> Self {
        self.pixels = None;
        self
    }

    /// The alt text; empty where it is missing or null.
    pub(crate) fn alt_text(&self) -> &str {
        self.record
            .get("alt")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The mark, where there is one.
    pub(crate) fn mark(&self) -> Option<&Value> {
        self.record.get("verified")
    }
}

/// The photos of a site, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    order: Vec<String>,
    photos: BTreeMap<String, FakePhoto>,
}

impl Library {
    /// Adds a photo, or replaces it.
    pub(crate) fn add(&mut self, id: &str, photo: FakePhoto) {
        if self.photos.insert(id.to_owned(), photo).is_none() {
            self.order.push(id.to_owned());
        }
    }

    /// Adds `n` photos without alt text, each with a title of its own; albums
    /// and pixels are used in turn. Every third record has no `verified`.
    pub(crate) fn add_many(&mut self, n: usize) {
        let start = self.order.len();
        for i in start..start + n {
            let album = ALBUMS[i % ALBUMS.len()];
            let title = format!("{} at {album}, page {i:04}", SUBJECTS[i % SUBJECTS.len()]);
            let pool = photos::pool();
            let photo = FakePhoto::new(&title).pixels(Arc::clone(&pool[i % pool.len()]));
            let photo = if i % 3 == 0 { photo } else { photo.verified(0) };
            self.add(&format!("{album}/p{i:05}"), photo);
        }
    }

    /// All ids, in order.
    pub(crate) fn ids(&self) -> &[String] {
        &self.order
    }

    /// One photo.
    pub(crate) fn get(&self, id: &str) -> Option<&FakePhoto> {
        self.photos.get(id)
    }

    /// One photo, to change it. The caller counts the version up.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut FakePhoto> {
        self.photos.get_mut(id)
    }

    /// Removes a photo from the site; a manifest may still name it.
    pub(crate) fn remove(&mut self, id: &str) {
        self.order.retain(|other| other != id);
        self.photos.remove(id);
    }
}
