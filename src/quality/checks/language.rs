//! Captions in another language than the one that was asked for. Only clear
//! evidence counts: foreign names are part of good captions.

use super::script::{self, Script};
use crate::archive::Context;
use crate::quality::Asked;
use crate::quality::lexicon::{self, Lexicon};
use std::collections::HashSet;

/// Fewer letters of a foreign writing are a name or a sign.
const FEWEST_FOREIGN_LETTERS: usize = 4;

/// So many different small words of another language, and none of the one that
/// was asked for, are clear.
const CLEAR: usize = 3;

/// With words of both languages, so many more of the other are clear.
const OUTNUMBERED: usize = 4;

/// So many words of a given name in a row are that name.
const NAME: usize = 3;

/// Whether the text, without its quotations, is in another language.
pub(super) fn is_wrong(unquoted: &str, asked: &Asked<'_>) -> bool {
    let primary = lexicon::primary(asked.language);
    match script::expected(&primary, asked.language.as_str()) {
        Some(expected) if is_foreign_script(unquoted, expected) => true,
        Some([Script::Latin]) => speaks_other(unquoted, asked),
        // Kana means Japanese; nothing but Han, at some length, Chinese.
        Some([Script::Han]) => count(unquoted, Script::Kana) > FEWEST_FOREIGN_LETTERS,
        Some([Script::Kana, Script::Han]) => {
            count(unquoted, Script::Kana) == 0 && count(unquoted, Script::Han) > 15
        }
        _ => false,
    }
}

fn count(text: &str, wanted: Script) -> usize {
    text.chars()
        .filter(|c| script::of(*c) == Some(wanted))
        .count()
}

/// Whether most of the text is in a foreign writing. One sign of a writing with
/// thousands of them says about as much as three letters.
fn is_foreign_script(text: &str, expected: &[Script]) -> bool {
    let (mut own, mut foreign) = (0, 0);
    for found in text.chars().filter_map(script::of) {
        let weight = match found {
            Script::Han | Script::Kana | Script::Hangul => 3,
            _ => 1,
        };
        if expected.contains(&found) {
            own += weight;
        } else {
            foreign += weight;
        }
    }
    foreign >= FEWEST_FOREIGN_LETTERS && foreign > own
}

fn speaks_other(text: &str, asked: &Asked<'_>) -> bool {
    let spoken = spoken_words(text, asked.context);
    let Some(own) = lexicon::of(asked.language) else {
        return is_plainly_english(&spoken);
    };
    lexicon::ALL
        .into_iter()
        .filter(|other| other.code != own.code)
        .any(|other| outweighs(&spoken, other, own))
}

/// The different words in lower case: a capital letter may begin a name. Names
/// that the model was given are left out as well, where three of their words
/// stand together.
fn spoken_words(text: &str, context: &Context) -> HashSet<String> {
    let names: HashSet<[String; NAME]> = [&context.album, &context.title, &context.place]
        .into_iter()
        .flatten()
        .flat_map(|name| runs(&name.split_whitespace().map(plain).collect::<Vec<_>>()))
        .collect();
    let written: Vec<&str> = text.split_whitespace().collect();
    let words: Vec<String> = written.iter().copied().map(plain).collect();
    let mut given = vec![false; words.len()];
    for (at, run) in runs(&words).into_iter().enumerate() {
        if names.contains(&run) {
            given[at..at + NAME].fill(true);
        }
    }
    words
        .into_iter()
        .enumerate()
        .filter(|(at, _)| !given[*at])
        .filter(|(at, _)| *at == 0 || !written[*at].starts_with(char::is_uppercase))
        .map(|(_, word)| word)
        .collect()
}

fn runs(words: &[String]) -> Vec<[String; NAME]> {
    words
        .windows(NAME)
        .map(|run| std::array::from_fn(|at| run[at].clone()))
        .collect()
}

fn plain(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase()
        .replace('’', "'")
}

fn outweighs(spoken: &HashSet<String>, other: &Lexicon, own: &Lexicon) -> bool {
    let only = |of: &Lexicon, not: &Lexicon| {
        of.frequent
            .iter()
            .filter(|word| spoken.contains(**word) && !not.frequent.contains(word))
            .count()
    };
    let others = only(other, own);
    let owns = only(own, other);
    others >= CLEAR && others >= OUTNUMBERED * owns && others > owns + 2
}

/// For languages without a table: most models fall back to English.
fn is_plainly_english(spoken: &HashSet<String>) -> bool {
    const ENGLISH: [&str; 14] = [
        "the", "of", "and", "with", "while", "are", "wearing", "sitting", "standing", "from",
        "their", "holding", "behind", "which",
    ];
    ENGLISH
        .iter()
        .filter(|word| spoken.contains(**word))
        .count()
        >= CLEAR
}
