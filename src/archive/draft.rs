//! Captions that are not yet on the site, and what was thought of them.

use std::fmt;

/// The number of a draft in the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftId(pub i64);

/// What may happen with a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be published.
    Write,
    /// It waits for a person; it is never published by itself.
    Hold,
    /// There is nothing in it that a person could use.
    Reject,
}

impl Verdict {
    /// The name under which the checkpoint keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Hold => "hold",
            Self::Reject => "reject",
        }
    }

    /// The inverse of [`Verdict::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "write" => Some(Self::Write),
            "hold" => Some(Self::Hold),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// Why a draft is not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The model stopped for length, or the text stops in the middle.
    CutOff,
    /// The model declined to describe the photo.
    Refusal,
    /// Nothing was left after cleaning.
    Empty,
    /// The text repeats the instructions it was given.
    PromptLeak,
    /// HTML, Markdown or JSON is left in the text.
    Markup,
    /// The text contains a web or mail address.
    Url,
    /// The text contains geographical coordinates.
    Coordinates,
    /// The text says the same thing over and over.
    Repetition,
    /// The model offered several texts to choose from.
    SeveralOptions,
    /// The text is not in the language that was asked for.
    WrongLanguage,
    /// The text is far too long for a screen reader.
    TooLong,
    /// The text is a file name or a similar placeholder.
    Placeholder,
    /// Control characters or replacement characters: text that was damaged.
    Garbled,
    /// The text contains a telephone number or a key.
    Private,
    /// The embedded model never looks at what a photo shows.
    NotSeen,
}

impl Reason {
    /// Every reason, for tables and exhaustive tests.
    pub const ALL: [Self; 15] = [
        Self::CutOff,
        Self::Refusal,
        Self::Empty,
        Self::PromptLeak,
        Self::Markup,
        Self::Url,
        Self::Coordinates,
        Self::Repetition,
        Self::SeveralOptions,
        Self::WrongLanguage,
        Self::TooLong,
        Self::Placeholder,
        Self::Garbled,
        Self::Private,
        Self::NotSeen,
    ];

    /// The name under which the checkpoint and reports keep it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CutOff => "cut_off",
            Self::Refusal => "refusal",
            Self::Empty => "empty",
            Self::PromptLeak => "prompt_leak",
            Self::Markup => "markup",
            Self::Url => "url",
            Self::Coordinates => "coordinates",
            Self::Repetition => "repetition",
            Self::SeveralOptions => "several_options",
            Self::WrongLanguage => "wrong_language",
            Self::TooLong => "too_long",
            Self::Placeholder => "placeholder",
            Self::Garbled => "garbled",
            Self::Private => "private",
            Self::NotSeen => "not_seen",
        }
    }

    /// The inverse of [`Reason::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutOff => "the text is cut off",
            Self::Refusal => "the model refused",
            Self::Empty => "the text is empty",
            Self::PromptLeak => "the text repeats the prompt",
            Self::Markup => "the text contains markup",
            Self::Url => "the text contains an address",
            Self::Coordinates => "the text contains coordinates",
            Self::Repetition => "the text repeats itself",
            Self::SeveralOptions => "the model offered several texts",
            Self::WrongLanguage => "the text is in another language",
            Self::TooLong => "the text is too long",
            Self::Placeholder => "the text is only a placeholder",
            Self::Garbled => "the text is damaged",
            Self::Private => "the text contains a telephone number or a key",
            Self::NotSeen => "the embedded model does not look at what the photo shows",
        })
    }
}

/// A cleaned caption with the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The caption after cleaning; what would be published.
    pub text: String,
    /// What may happen with it.
    pub verdict: Verdict,
    /// Why, where the verdict is not [`Verdict::Write`]; without repeats.
    pub reasons: Vec<Reason>,
}
