//! Photos and their texts: identities, what a site said of one, and whose a
//! text is.

use std::fmt;
use std::sync::Arc;

/// The configured name of a site. It, and not the site's address, is the
/// site's identity in the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteName(String);

/// The site's own id of one photo; `album/name` for album sites.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhotoId(String);

/// A BCP 47 language tag, such as `en` or `pt-BR`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// Wraps the text as it is; whoever reads it from outside has checked it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(super) use text_newtype;

text_newtype!(SiteName);
text_newtype!(PhotoId);
text_newtype!(Language);

/// Which text of a photo is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKind {
    /// The alternative text, read by a screen reader in place of the photo.
    Alt,
}

impl SlotKind {
    /// The name under which the checkpoint keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alt => "alt",
        }
    }
}

/// One text of one photo in one language: the unit of work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The photo the text belongs to.
    pub photo: PhotoId,
    /// Which of its texts.
    pub kind: SlotKind,
    /// In which language.
    pub language: Language,
}

/// What a site's own mark says about who stands behind a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A machine wrote it and nobody has checked it.
    Machine,
    /// A person wrote it, or vouched for it.
    Person,
}

impl Tag {
    /// The name under which the checkpoint keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Person => "person",
        }
    }

    /// The inverse of [`Tag::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "machine" => Some(Self::Machine),
            "person" => Some(Self::Person),
            _ => None,
        }
    }
}

/// Whom an existing text belongs to. Decided by [`crate::policy::owner`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// There is no text, or only a placeholder that nobody meant as one.
    Nobody,
    /// A person wrote it, changed it or vouched for it: never ours to touch.
    Person,
    /// Our own last confirmed write, unchanged.
    Ours,
    /// Tagged as machine-made, but our record does not prove that we made it.
    Unproven,
}

impl Owner {
    /// The name under which the checkpoint and reports keep it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Person => "person",
            Self::Ours => "ours",
            Self::Unproven => "unproven",
        }
    }

    /// The inverse of [`Owner::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "nobody" => Some(Self::Nobody),
            "person" => Some(Self::Person),
            "ours" => Some(Self::Ours),
            "unproven" => Some(Self::Unproven),
            _ => None,
        }
    }
}

/// What changes when the image behind a photo is replaced: built from its URL,
/// size, change time or `ETag`, whichever the source offers. Compared only for
/// equality.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PixelVersion(String);
text_newtype!(PixelVersion);

/// The number of a row in the journal of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub i64);

/// What the site said of one photo, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The alt text; `None` when the site has no such key or says `null`.
    pub alt: Option<String>,
    /// The site's mark; `None` when it is missing or means neither.
    pub tag: Option<Tag>,
    /// The photo's title, as plain text.
    pub title: Option<String>,
    /// The photo's caption, as plain text.
    pub caption: Option<String>,
    /// The album it is in, as a person would name it.
    pub album: Option<String>,
    /// The name of the place it shows; never coordinates.
    pub place: Option<String>,
    /// The entity tag of the reply, sent back with a write where there is one.
    pub etag: Option<String>,
    /// Whether the site can hold our mark for this photo.
    pub marking: Marking,
    /// Where the image is, as the site says it; `None` where the settings know.
    pub image: Option<String>,
    /// Which version of the image the site has, where it says so beside the
    /// texts.
    pub pixels: Option<PixelVersion>,
    /// When the site changed the photo last, in the site's own spelling.
    pub changed: Option<String>,
    /// Values that an update has to send back, by where they were found.
    pub echo: Vec<(String, serde_json::Value)>,
}

/// Whether a site can hold our mark for a photo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marking {
    /// It can: a tag that is sent is kept.
    #[default]
    Possible,
    /// It has no place for one: the checkpoint alone knows what is ours.
    Impossible,
}

/// One photo of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which photo.
    pub id: PhotoId,
    /// What the listing says of it, where that is as much as reading it would
    /// tell.
    pub reading: Option<Reading>,
    /// Whether being listed says that it changed.
    pub news: News,
}

/// What it says of a photo that it is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum News {
    /// That it is there.
    #[default]
    Present,
    /// That it changed since the last listing.
    Changed,
}

impl From<PhotoId> for Listed {
    fn from(id: PhotoId) -> Self {
        Self {
            id,
            reading: None,
            news: News::Present,
        }
    }
}

impl Reading {
    /// The alt text, or the empty text where there is none.
    pub fn alt_text(&self) -> &str {
        self.alt.as_deref().unwrap_or_default()
    }
}

/// The bytes of an image as they were fetched, before any decoding.
#[derive(Clone, Debug)]
pub struct Pixels {
    /// The file's bytes, undecoded; at most the configured number of them.
    pub bytes: Vec<u8>,
    /// Which version of the image these bytes are.
    pub version: PixelVersion,
}

/// A whole, valid JPEG without metadata, ready for a model.
#[derive(Clone)]
pub struct Jpeg {
    /// The encoded file.
    pub bytes: Arc<[u8]>,
    /// Width in pixels, as displayed.
    pub width: u32,
    /// Height in pixels, as displayed.
    pub height: u32,
}

impl fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Jpeg({}x{}, {} bytes)",
            self.width,
            self.height,
            self.bytes.len()
        )
    }
}
