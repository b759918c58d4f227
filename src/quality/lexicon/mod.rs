//! What the checks and the cleaning know of each language, as tables: one file
//! per language, and nothing but words in it.
//!
//! Entries named as *patterns* are regular expressions, matched without regard
//! to case against text whose apostrophes are straight.

mod de;
mod en;
mod es;
mod fr;
mod it;
mod nl;
mod pt;

use crate::archive::Language;

/// The words of one language.
pub(super) struct Lexicon {
    /// The primary subtag, such as `en`.
    pub(super) code: &'static str,
    /// Frequent small words, by which the language is recognised. Words that
    /// other languages share should be in all their tables: only words that
    /// are in one table and not in the other count as evidence.
    pub(super) frequent: &'static [&'static str],
    /// Words that no finished text ends with, unless a companion comes before.
    pub(super) dangling: &'static [&'static str],
    /// A dangling word, and the words after which it does end a text: "a room
    /// with the lights on".
    pub(super) finished_after: &'static [(&'static str, &'static [&'static str])],
    /// Patterns with which a refusal starts a sentence or a clause.
    pub(super) refusing: &'static [&'static str],
    /// Patterns that are a refusal wherever they stand.
    pub(super) refusing_anywhere: &'static [&'static str],
    /// Patterns for the names that a model gives to its answer: "alt text".
    pub(super) labels: &'static [&'static str],
    /// Patterns with which an answer is announced: "here is".
    pub(super) announcing: &'static [&'static str],
    /// Patterns with which a closing remark to the reader starts.
    pub(super) remarks: &'static [&'static str],
    /// Ways to say that a picture shows something.
    pub(super) openings: &'static [Opening],
    /// Patterns of instructions about length.
    pub(super) limits: &'static [&'static str],
}

/// A way to begin that says nothing, such as "This image shows".
pub(super) struct Opening {
    /// The pattern; it ends where the content begins.
    pub(super) pattern: &'static str,
    /// Which contents may stand alone as a sentence.
    pub(super) rest: Rest,
}

/// What has to be true of the words after an [`Opening`], so that they are a
/// sentence without it.
pub(super) enum Rest {
    /// The first word is none of these.
    Unless(&'static [&'static str]),
    /// The first word is one of these.
    Only(&'static [&'static str]),
    /// The picture is not itself an object in the scene: none of these words
    /// is there ("A picture of a ship hangs above the bed").
    Without(&'static [&'static str]),
}

/// Every table.
pub(super) static ALL: [&Lexicon; 7] = [
    &en::WORDS,
    &de::WORDS,
    &fr::WORDS,
    &nl::WORDS,
    &es::WORDS,
    &it::WORDS,
    &pt::WORDS,
];

/// The table of a language, where there is one.
pub(super) fn of(language: &Language) -> Option<&'static Lexicon> {
    let code = primary(language);
    ALL.into_iter().find(|words| words.code == code)
}

/// The primary subtag in lower case: `pt` of `pt-BR`.
pub(super) fn primary(language: &Language) -> String {
    let tag = language.as_str();
    tag.split(['-', '_']).next().unwrap_or(tag).to_lowercase()
}

/// All entries of one kind in all languages, as one alternation.
pub(super) fn any_of(select: impl Fn(&'static Lexicon) -> &'static [&'static str]) -> String {
    let all: Vec<&str> = ALL.into_iter().flat_map(select).copied().collect();
    all.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_with_region_or_script_finds_its_table() {
        for (tag, code) in [
            ("en", "en"),
            ("pt-BR", "pt"),
            ("DE_at", "de"),
            ("nl-Latn-BE", "nl"),
        ] {
            let found = of(&Language::new(tag)).map(|words| words.code);
            assert_eq!(found, Some(code));
        }
        assert!(of(&Language::new("ja")).is_none());
        assert!(of(&Language::new("")).is_none());
    }

    #[test]
    fn words_are_in_lower_case_and_stand_once_in_a_table() {
        for table in ALL {
            for list in [table.frequent, table.dangling] {
                let mut sorted = list.to_vec();
                sorted.sort_unstable();
                let before = sorted.len();
                sorted.dedup();
                assert_eq!(
                    before,
                    sorted.len(),
                    "a word twice in {}: {list:?}",
                    table.code
                );
                assert!(list.iter().all(|word| *word == word.to_lowercase()));
            }
        }
    }
}
