//! Which check answers for which reason.

use super::{
    coordinates, cut_off, damage, language, leak, markup, options, private, refusal, repetition,
    stand_in, url,
};
use crate::archive::{Finish, Reason};
use crate::policy::placeholder::{is_placeholder, looks_like_slug};
use crate::quality::Asked;
use crate::quality::clean::Cleaned;
use crate::quality::words::{unquoted, words};
use unicode_segmentation::UnicodeSegmentation;

/// The longest caption, in graphemes. A listener cannot skim or skip within an
/// alt text. Prompts ask for one or two sentences, some 125 to 250 characters;
/// more than twice that is a model that did not keep to its task.
const LONGEST_CAPTION: usize = 600;

/// Endings of image files.
const IMAGE_ENDINGS: [&str; 9] = [
    "jpg", "jpeg", "png", "gif", "webp", "heic", "tif", "tiff", "avif",
];

/// A cleaned caption and what the checks need to know about it.
pub(in crate::quality) struct Caption<'a> {
    /// The cleaned reply.
    pub(super) cleaned: &'a Cleaned,
    /// The caption without what it quotes.
    pub(super) unquoted: String,
    /// Its words.
    pub(super) words: Vec<String>,
    /// How the reply ended.
    pub(super) finish: Finish,
    /// What was asked.
    pub(super) asked: &'a Asked<'a>,
}

impl<'a> Caption<'a> {
    /// Prepares a cleaned reply for the checks.
    pub(in crate::quality) fn new(
        cleaned: &'a Cleaned,
        finish: Finish,
        asked: &'a Asked<'a>,
    ) -> Self {
        Self {
            unquoted: unquoted(&cleaned.text),
            words: words(&cleaned.text),
            cleaned,
            finish,
            asked,
        }
    }

    /// The cleaned text.
    pub(super) fn text(&self) -> &str {
        &self.cleaned.text
    }
}

/// Whether the caption has the fault.
pub(in crate::quality) fn found(reason: Reason, caption: &Caption<'_>) -> bool {
    let text = caption.text();
    match reason {
        Reason::CutOff => cut_off::is_cut_off(caption),
        Reason::Refusal => caption.finish == Finish::Refused || refusal::refuses(&caption.unquoted),
        Reason::Empty => !text.chars().any(char::is_alphanumeric),
        Reason::PromptLeak => leak::leaks(caption),
        Reason::Markup => markup::has_markup(text),
        Reason::Url => url::has_address(text),
        Reason::Coordinates => coordinates::has_coordinates(text),
        Reason::Repetition => repetition::repeats(text, &caption.words),
        Reason::SeveralOptions => options::offers_several(caption.cleaned),
        Reason::WrongLanguage => language::is_wrong(&caption.unquoted, caption.asked),
        Reason::TooLong => {
            caption.cleaned.overlong
                || text.graphemes(true).take(LONGEST_CAPTION + 1).count() > LONGEST_CAPTION
        }
        Reason::Placeholder => is_named_only(text, caption.asked.photo_name),
        Reason::Garbled => damage::is_garbled(text),
        Reason::Private => private::has_private(text),
        // Whether the model looks at all is known where the model is chosen.
        Reason::NotSeen => false,
    }
}

/// Whether the text is a file's name in any script.
fn is_file_name(text: &str) -> bool {
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    let is = |known: &&str| ending.is_some_and(|ending| ending.eq_ignore_ascii_case(known));
    !text.contains(char::is_whitespace) && IMAGE_ENDINGS.iter().any(is)
}

/// Whether the text is one word of the kind that files and addresses are named
/// with: digits or underscores in it, or hyphens between small letters. A file's
/// ending makes a name of any word.
fn is_one_name(text: &str) -> bool {
    let latin = |c: char| c.is_ascii_alphanumeric() || ('\u{c0}'..='\u{24f}').contains(&c);
    let named = |c: char| latin(c) || c == '-' || c == '_';
    is_file_name(text)
        || text.chars().all(named)
            && text.chars().any(latin)
            && (text.contains(|c: char| c.is_ascii_digit() || c == '_')
                || (text.contains('-') && !text.chars().any(char::is_uppercase)))
}

/// From a model, unlike from a person, a slug, the photo's own name or a word
/// such as "error" is never meant as a caption.
fn is_named_only(text: &str, photo_name: &str) -> bool {
    let bare = text.trim_end_matches('.');
    let own_name = photo_name.contains(['-', '_']) && bare.eq_ignore_ascii_case(photo_name.trim());
    own_name
        || is_placeholder(bare, photo_name)
        || looks_like_slug(bare)
        || is_one_name(bare)
        || stand_in::reports(text)
        || stand_in::stands_in(text)
}
