//! Beginnings that say nothing: "This image shows", "A photo of".

use crate::quality::lexicon::{self, Rest};
use regex::Regex;
use std::sync::LazyLock;

struct Pattern {
    opening: Regex,
    rest: &'static Rest,
}

static OPENINGS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let compile = |text: &str| {
        Regex::new(&format!(r"^(?i:{text})\s+")).expect("the patterns in the tables are valid")
    };
    lexicon::ALL
        .iter()
        .flat_map(|words| words.openings)
        .map(|opening| Pattern {
            opening: compile(opening.pattern),
            rest: &opening.rest,
        })
        .collect()
});

/// The text without an empty beginning, where what remains is a sentence.
pub(super) fn drop_opening(text: &str) -> String {
    for Pattern { opening, rest } in OPENINGS.iter() {
        if let Some(found) = opening.find(text) {
            let content = &text[found.end()..];
            if stands_alone(content, rest) {
                return capitalised(content);
            }
        }
    }
    text.to_owned()
}

fn stands_alone(content: &str, rest: &Rest) -> bool {
    let plain = |word: &str| {
        word.trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase()
            .replace('’', "'")
    };
    let first = content.split_whitespace().next().map(plain);
    let Some(first) = first.filter(|word| !word.is_empty()) else {
        return false;
    };
    match rest {
        Rest::Unless(words) => {
            // "shows clearly", "features prominently": the verb goes on.
            let adverb = first.len() > 4 && first.ends_with("ly");
            !adverb && !words.contains(&first.as_str())
        }
        Rest::Only(words) => words.contains(&first.as_str()) && !accusative(content),
        Rest::Without(words) => !content
            .split_whitespace()
            .any(|word| words.contains(&plain(word).as_str())),
    }
}

/// Whether a German object would stand without its verb: "eine Frau und einen
/// Hund".
fn accusative(content: &str) -> bool {
    content.split_whitespace().any(|word| word == "einen")
}

/// The text with a large first letter, unless its first word has its own way
/// with letters ("iPhone").
pub(super) fn capitalised(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default();
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return String::new();
    };
    let mut large = first.to_uppercase();
    match (large.next(), large.next()) {
        (Some(upper), None)
            if upper.len_utf8() == first.len_utf8() && !word.chars().any(char::is_uppercase) =>
        {
            format!("{upper}{}", characters.as_str())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_beginnings_go() {
        for (text, kept) in [
            ("This image shows a dog on a beach.", "A dog on a beach."),
            ("The photo depicts two men.", "Two men."),
            ("The image is of a dog.", "A dog."),
            ("The image you provided shows a dog.", "A dog."),
            ("An image of a dog.", "A dog."),
            ("Image of Shibuya", "Shibuya"),
            ("A photo showing a dog.", "A dog."),
            ("This is a picture of a dog.", "A dog."),
            ("In this image, a dog runs.", "A dog runs."),
            ("In the photo we can see a dog.", "A dog."),
            ("A photo of an iPhone.", "An iPhone."),
            ("The image features iPhones.", "iPhones."),
            (
                "Das Bild zeigt eine Frau am Strand.",
                "Eine Frau am Strand.",
            ),
            ("Cette image montre un chien.", "Un chien."),
            ("La imagen muestra un perro.", "Un perro."),
            ("De foto toont een hond.", "Een hond."),
            ("L'immagine mostra un cane.", "Un cane."),
            ("A imagem mostra um cão.", "Um cão."),
        ] {
            assert_eq!(drop_opening(text), kept);
        }
    }

    #[test]
    fn a_beginning_stays_where_the_rest_would_be_no_sentence() {
        for text in [
            "This image shows that the door is open.",
            "The photo shows how bread is made.",
            "The image shows off a new car.",
            "This image shows clearly a dog.",
            "A picture of a ship hangs above the bed.",
            "A framed photo of a dog.",
            "A photo of two men is on the table.",
            "A black and white photo of a man.",
            "This is an aerial view of a city.",
            "The image appears to show a dog.",
            "In the picture frame, a dog.",
            "Das Bild zeigt einen Hund.",
            "Das Bild zeigt eine Frau und einen Hund.",
            "La imagen muestra a una mujer.",
            "An image of",
            "Photo of the Day on a wall.",
            "Photographers on a beach.",
        ] {
            assert_eq!(drop_opening(text), text);
        }
    }
}
