//! Texts that say the same thing over and over, as small models do when they
//! do not find an end.

use crate::quality::words::words;
use std::collections::HashSet;

/// The longest phrase, in words, whose immediate repetition is looked for.
const LONGEST_PHRASE: usize = 30;

/// A repeated sentence of fewer words may be meant: "Stop. Stop."
const SHORTEST_SENTENCE: usize = 3;

/// The same character so often is a loop; rules and rows of dots are shorter.
const CHARACTER_LOOP: usize = 12;

/// Whether the text repeats itself. `all` are its words.
pub(super) fn repeats(text: &str, all: &[String]) -> bool {
    loops_on_character(text)
        || repeats_sentence(text)
        || (1..=LONGEST_PHRASE).any(|length| loops_on_phrase(all, length))
}

fn loops_on_character(text: &str) -> bool {
    let mut before = ' ';
    let mut run = 0;
    text.chars().any(|c| {
        run = if c == before { run + 1 } else { 1 };
        before = c;
        run >= CHARACTER_LOOP
    })
}

fn repeats_sentence(text: &str) -> bool {
    let mut seen = HashSet::new();
    text.split_inclusive(['.', '!', '?', '。', '！', '？', ';'])
        .map(words)
        .filter(|sentence| sentence.len() >= SHORTEST_SENTENCE)
        .any(|sentence| !seen.insert(sentence))
}

/// Whether a phrase of this many words follows itself too often, anywhere or,
/// with less patience, at the end of the text.
fn loops_on_phrase(words: &[String], length: usize) -> bool {
    // A phrase said n times in a row makes (n - 1) * length words equal to
    // those one phrase before.
    let (anywhere, at_end) = match length {
        // "Ho ho ho" and "New York, New York" are fine.
        1 => (4, 3),
        2 => (6, 4),
        _ => (2 * length, length + length.div_ceil(2)),
    };
    let mut run = 0;
    for at in length..words.len() {
        run = if words[at] == words[at - length] {
            run + 1
        } else {
            0
        };
        if run >= anywhere {
            return true;
        }
    }
    run >= at_end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        repeats(text, &words(text))
    }

    #[test]
    fn loops_are_found() {
        for text in [
            "A dog on a beach. A dog on a beach.",
            "A dog on a beach. It is sunny. A dog on a beach!",
            "A man and a dog and a dog and a dog and a dog on a beach",
            "a red car and a red car and a red car",
            "A street with cars, people, cars, people, cars, people, cars",
            "very very very very very happy people",
            "A photo of the the the the",
            "A dog on the beach in the sun on the beach in the sun on the beach in",
            "Aaaaaaaaaaaaaaaaa",
            "A dog !!!!!!!!!!!!!!!!",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn lists_and_emphasis_are_fine() {
        for text in [
            "A man and a woman and a dog",
            "A man and a woman and a dog and a cat.",
            "Santa Claus says ho ho ho.",
            "A neon sign for the show New York, New York",
            "Two candles, one of them is lit up and the other is lit up.",
            "A man with a surfboard in one hand and a surfboard in the other.",
            "A view of St. Magdalena. The church of St. Magdalena is small.",
            "Stop. Stop.",
            "Row, row, row your boat",
            "A red apple, a green apple, and a yellow apple.",
            "",
        ] {
            assert!(!found(text), "{text}");
        }
    }
}
