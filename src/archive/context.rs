//! What a model is told beside the pixels.

/// The facts about one photo that a model may be told. Every field is plain
/// text; coordinates have no field here, on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The album the photo is in.
    pub album: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its caption.
    pub caption: Option<String>,
    /// A place name, never coordinates.
    pub place: Option<String>,
    /// The day it was taken, as `2024-05-31`.
    pub date: Option<String>,
    /// What the owner of the archive says of all of it, or of this photo.
    pub notes: Option<String>,
}

/// One kind of fact in a [`Context`], as settings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextField {
    /// The album's name.
    Album,
    /// The title.
    Title,
    /// The caption.
    Caption,
    /// The place name.
    Place,
    /// The day it was taken.
    Date,
    /// The owner's notes.
    Notes,
}

impl ContextField {
    /// Every field, in the order in which a prompt lists them.
    pub const ALL: [Self; 6] = [
        Self::Album,
        Self::Title,
        Self::Caption,
        Self::Place,
        Self::Date,
        Self::Notes,
    ];

    /// The name in settings files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Album => "album",
            Self::Title => "title",
            Self::Caption => "caption",
            Self::Place => "place",
            Self::Date => "date",
            Self::Notes => "notes",
        }
    }
}

impl Context {
    /// One fact, where it is known and not blank.
    pub fn get(&self, field: ContextField) -> Option<&str> {
        let value = match field {
            ContextField::Album => &self.album,
            ContextField::Title => &self.title,
            ContextField::Caption => &self.caption,
            ContextField::Place => &self.place,
            ContextField::Date => &self.date,
            ContextField::Notes => &self.notes,
        };
        value
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// The same context with only the fields that `keep` allows.
    #[must_use]
    pub fn only(&self, keep: impl Fn(ContextField) -> bool) -> Self {
        let take = |field| {
            if keep(field) {
                self.get(field).map(str::to_owned)
            } else {
                None
            }
        };
        Self {
            album: take(ContextField::Album),
            title: take(ContextField::Title),
            caption: take(ContextField::Caption),
            place: take(ContextField::Place),
            date: take(ContextField::Date),
            notes: take(ContextField::Notes),
        }
    }
}
