//! What a model says to its reader after the caption.

use crate::quality::lexicon;
use regex::Regex;
use std::sync::LazyLock;

static REMARK: LazyLock<Regex> = LazyLock::new(|| {
    let remarks = lexicon::any_of(|words| words.remarks);
    Regex::new(&format!(r"^[*_(\[]*(?i:{remarks})")).expect("the patterns are valid")
});

/// `(125 characters)`, `[Word count: 20]`.
static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\s*[(\[]\s*(?:(?:character|word|char)s?(?: count)?\s*:\s*)?(?:approx(?:imately|\.)?\s*|about\s*|~\s*)?(?P<number>\d{1,4})\s*(?P<unit>characters?|chars?|zeichen|caractères|caracteres|tekens|caratteri|words?|wörter|mots|palabras|woorden|parole|palavras)?(?: (?:long|total|including spaces|with spaces))?\s*[)\]]\.?$",
    )
    .expect("the pattern is valid")
});

/// Fewer characters than this are a count of something in the photo, as in "a
/// sign with Chinese text (4 characters)".
const FEWEST_CHARACTERS: usize = 30;

/// The text without remarks behind the last sentence of the caption.
pub(super) fn drop_closing(text: &str) -> String {
    let mut text = text.trim_end();
    loop {
        let Some(end) = remark_start(text).or_else(|| count_start(text)) else {
            return text.to_owned();
        };
        text = text[..end].trim_end();
    }
}

/// Where the last sentence begins, if it is a remark and no quote is open.
fn remark_start(text: &str) -> Option<usize> {
    let start = last_sentence(text);
    let straight = text[start..].replace('’', "'");
    let inside_quotes = {
        let count = |quote: char| text[..start].matches(quote).count();
        count('"') % 2 == 1 || count('“') > count('”') || count('«') > count('»')
    };
    (!inside_quotes && REMARK.is_match(&straight)).then_some(start)
}

/// Where the last sentence with a letter in it begins: behind a full stop and
/// white space, or at the start of a line.
fn last_sentence(text: &str) -> usize {
    let mut letters = false;
    let mut next = None;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        let boundary =
            c == '\n' || (next.is_some_and(char::is_whitespace) && ".!?…\"”»)]".contains(c));
        if boundary && letters {
            return start;
        }
        letters |= c.is_alphanumeric();
        if !c.is_whitespace() {
            start = at;
        }
        next = Some(c);
    }
    start.min(text.len())
}

fn count_start(text: &str) -> Option<usize> {
    let found = COUNT.captures(text)?;
    let start = found.get(0)?.start();
    let number: usize = found["number"].parse().ok()?;
    let words = text[..start].split_whitespace().count();
    let characters = text[..start].trim_end().chars().count();
    let unit = found.name("unit").map_or("", |unit| unit.as_str());
    let counts_characters = unit.to_lowercase().starts_with(['c', 'z', 't']);
    let named = found[0].contains(':');
    let is_count = named
        || (counts_characters && (number >= FEWEST_CHARACTERS || number.abs_diff(characters) <= 3))
        || (!unit.is_empty() && !counts_characters && number.abs_diff(words) <= 2 && words > 4);
    is_count.then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_to_the_reader_go() {
        for text in [
            "A dog. Let me know if you need anything else!",
            "A dog. I hope this helps! 😊",
            "A dog. I hope this helps! Let me know if you'd like changes.",
            "A dog.\n\nFeel free to adjust it",
            "A dog. (125 characters)",
            "A dog. (6 characters)",
            "A dog. [Character count: 98]",
            "A dog.\nCharacter count: 98",
            "A dog. (112 chars).",
            "A dog. Would you like me to shorten it?",
            "A dog. This alt text is 98 characters long.",
            "A dog. Lassen Sie mich wissen, ob das passt.",
            "A dog. N’hésitez pas à demander.",
        ] {
            assert_eq!(drop_closing(text), "A dog.", "{text:?}");
        }
    }

    #[test]
    fn sentences_of_the_caption_stay() {
        for text in [
            "A note reads \"Hi. Let me know if you find my cat.\"",
            "A sign with Chinese text (4 characters)",
            "A crossword puzzle (15 words)",
            "A class photo (1984)",
            "I hope this day never ends, says a note.",
            "A woman hopes. The letter helps.",
            "A man. I. M. Pei's pyramid behind him.",
            "",
        ] {
            assert_eq!(drop_closing(text), text);
        }
    }
}
