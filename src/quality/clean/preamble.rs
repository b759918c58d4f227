//! What a model says before the caption: "Sure! Here's a caption:".

use super::openings::capitalised;
use crate::quality::lexicon;
use regex::Regex;
use std::sync::LazyLock;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns of this room are valid")
}

/// A name that a model gives to its answer, with the colon behind it.
pub(in crate::quality) static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    let labels = lexicon::any_of(|words| words.labels);
    pattern(&format!(
        r"^(?i:{labels}|image(?: \d{{1,2}})?|(?:photo|picture) \d{{1,2}})(?:\s*\([^()\n]{{1,40}}\))?(?:\s*[:：=]\s*|[ \t]*\n\s*)"
    ))
});

/// A sentence that announces a caption; it names what it announces.
static ANNOUNCEMENT: LazyLock<Regex> = LazyLock::new(|| {
    let announcing = lexicon::any_of(|words| words.announcing);
    let labels = lexicon::any_of(|words| words.labels);
    pattern(&format!(
        r"^(?:[^,:.!?\n]{{1,50}}, )?(?i:{announcing})\b[^:：.\n]{{0,60}}?\b(?i:{labels}|json)\b[^:：.\n]{{0,80}}(?:[:：]\s*|\n\s*)"
    ))
});

/// Eagerness before the answer. With a comma or full stop only before an
/// announcement: "Sure, …" may begin a caption's own words.
static EAGERNESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?i:sure(?: thing)?|certainly|of course|absolutely|definitely|gladly|okay|ok|great|natürlich|gerne|sicher|selbstverständlich|bien sûr|certainement|d'accord|natuurlijk|zeker|claro|por supuesto|certo|certamente|claro que sim)",
        r"(?:[!,.:]?\s+(?i:(?:i can help|i(?:'d|’d| would) be (?:happy|glad)|happy to)[^.!:\n]{0,80}[.!:]\s*)|!\s+)"
    ))
});
static EAGER_WORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?i:sure|certainly|of course|absolutely|okay|ok|gerne|bien sûr|natuurlijk|claro|certo)[,.!:]\s*",
    )
});

/// The text without announcement and label. A text that consists of them alone
/// keeps them: the gate has to see that nothing followed.
pub(super) fn drop_announcement(text: String) -> String {
    let straight = text.replace('’', "'");
    let Some(end) = announced(&straight) else {
        return text;
    };
    // The straight apostrophe is shorter than the curly one, so positions are
    // carried over by counting characters.
    let skip = straight[..end].chars().count();
    let rest: String = text.chars().skip(skip).collect();
    if rest.trim().is_empty() {
        text
    } else {
        capitalised(rest.trim_start())
    }
}

fn announced(text: &str) -> Option<usize> {
    if let Some(found) = LABEL.find(text).or_else(|| ANNOUNCEMENT.find(text)) {
        return Some(found.end());
    }
    if let Some(found) = EAGERNESS.find(text) {
        return Some(found.end());
    }
    let word = EAGER_WORD.find(text)?.end();
    ANNOUNCEMENT
        .find(&text[word..])
        .map(|found| word + found.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_and_labels_go() {
        for text in [
            "Alt text: a dog.",
            "Alt-text: A dog.",
            "ALT TEXT:\nA dog.",
            "Alt: A dog.",
            "Alt text (English): A dog.",
            "alt=A dog.",
            "Caption: A dog.",
            "Image description: A dog.",
            "Here is the alt text: A dog.",
            "Here's a concise alt text for the image:\n\nA dog.",
            "Here’s a caption: A dog.",
            "Here is a suggested caption for your photo: A dog.",
            "Here is the alt text\n\nA dog.",
            "Below is the description: A dog.",
            "Sure! A dog.",
            "Sure, here is the alt text: A dog.",
            "Based on the image, here's a suggested alt text: A dog.",
            "alt_text: A dog.",
            "Image: A dog.",
            "Image 1: A dog.",
            "Certainly! I'd be happy to help. A dog.",
            "ASSISTANT: A dog.",
            "Alternativtext: A dog.",
            "Hier ist der Alt-Text: A dog.",
            "Voici le texte alternatif : A dog.",
            "Aquí está el texto alternativo: A dog.",
            "Ecco il testo alternativo: A dog.",
            "Hier is de alt-tekst: A dog.",
        ] {
            let mut text = text.to_owned();
            for _ in 0..3 {
                text = drop_announcement(text);
            }
            assert_eq!(text, "A dog.");
        }
    }

    #[test]
    fn what_only_looks_like_an_announcement_stays() {
        for text in [
            "Here is where the river meets the sea: a delta.",
            "This is a shop window with a sign: closed.",
            "Captions on a screen read: hello.",
            "Alternative rock band on a stage.",
            "Sure enough, a dog.",
            "Description of a city on a plaque.",
            "Alt text:",
            "Text: on a wall",
            "This is a wall with German text: welcome.",
            "This is a plaque with a description of a battle: 1815.",
            "Photo: Jane Doe",
            "Two options: a dog or a cat.",
            "Ok Corral in Tombstone.",
        ] {
            assert_eq!(drop_announcement(text.to_owned()), text);
        }
    }
}
