//! What a packet says of a photo.

use super::found::{Scan, Value};
use super::scan::scan;
use super::{LARGEST, XmpError, choose, names};
use crate::archive::Tag;

/// What a packet says of a photo, in one language where there are several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// The alt text; `None` where there is none in this language.
    pub alt: Option<String>,
    /// Our mark, whatever text it was made for.
    pub mark: Option<Mark>,
    /// The title (`dc:title`).
    pub title: Option<String>,
    /// The caption (`dc:description`).
    pub caption: Option<String>,
    /// City and country (`photoshop:City`, `photoshop:Country`).
    pub place: Option<String>,
}

/// Our mark: who stands behind which alt text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub source: Tag,
    /// Behind which text: its [`digest`]. Programs that change the text leave the
    /// mark where it is; then it speaks of another text, and says nothing of this.
    pub digest: String,
    /// The language of the text.
    pub language: Option<String>,
    /// The [`digest`] of the text inside the image file that this one was put
    /// above on purpose.
    pub above: Option<String>,
}

impl Packet {
    /// Reads a packet.
    ///
    /// # Errors
    /// Whatever makes it unsafe to change.
    pub fn read(bytes: &[u8], language: &str) -> Result<Self, XmpError> {
        let (_, text) = decode(bytes)?;
        Self::of(&scan(text)?, language)
    }

    pub(super) fn of(scan: &Scan, language: &str) -> Result<Self, XmpError> {
        let alt = choose::alt(scan, language)?;
        let text = |namespace, local| plain(scan, (namespace, local), language);
        let places = [
            text(names::PHOTOSHOP, "City"),
            text(names::PHOTOSHOP, "Country"),
        ];
        let places: Vec<String> = places.into_iter().flatten().collect();
        let mark = mark(scan, language);
        // A text that was emptied on purpose has a mark that says so.
        let on_purpose = |text: &str| mark.as_ref().is_some_and(|it| it.digest == digest(text));
        let alt = alt.and_then(|alt| match alt.text() {
            Some(text) if text.trim().is_empty() && !on_purpose(text) => {
                Some(alt.stand_in(language).unwrap_or(text).to_owned())
            }
            text => text.map(str::to_owned),
        });
        Ok(Self {
            alt,
            mark,
            title: text(names::DC, "title"),
            caption: text(names::DC, "description"),
            place: (!places.is_empty()).then(|| places.join(", ")),
        })
    }

    /// Who stands behind the alt text by our mark, if the mark is about it.
    pub fn tag(&self) -> Option<Tag> {
        let mark = self.mark.as_ref()?;
        let text = self.alt.as_deref().unwrap_or_default();
        (mark.digest == digest(text)).then_some(mark.source)
    }
}

/// Stands for a text in our mark.
pub fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// Whether XML 1.0 can hold a text.
pub fn legal(text: &str) -> bool {
    text.chars().all(is_legal)
}

pub(super) fn is_legal(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// The byte order mark, if there is one, and the rest as text.
pub(super) fn decode(bytes: &[u8]) -> Result<(&[u8], &str), XmpError> {
    if bytes.len() as u64 > LARGEST {
        return Err(XmpError::TooLarge);
    }
    let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(rest).map_err(|_| XmpError::Encoding)?;
    Ok((&bytes[..bytes.len() - rest.len()], text))
}

/// A property's text, in the language that fits best.
fn plain(scan: &Scan, name: (&str, &str), language: &str) -> Option<String> {
    let mut all = scan.tops.iter().flat_map(|top| &top.properties);
    let text = match &all.find(|property| property.is(name))?.value {
        Value::Text(text, _) => text,
        Value::Items(items, _) => {
            let item = choose::item(items, language).or_else(|| items.first());
            &item?.text
        }
        Value::Other => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn mark(scan: &Scan, language: &str) -> Option<Mark> {
    let text = |local| plain(scan, (names::OURS, local), language);
    Some(Mark {
        source: Tag::parse(&text(names::SOURCE)?)?,
        digest: text(names::DIGEST)?,
        language: text(names::LANGUAGE),
        above: text(names::ABOVE),
    })
}
