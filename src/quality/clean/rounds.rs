//! The order in which packaging is taken off, again and again until nothing
//! changes: a label may stand inside quotes inside JSON inside a code fence.
//! Because the result is a text that another round leaves alone, cleaning twice
//! is the same as cleaning once.

use super::{characters, layout, openings, packaging, preamble, remarks, thinking};

/// What is longer than this, in bytes and without thoughts and white space, is
/// far from a caption: only its white space is put in order. This keeps hostile
/// input linear, since a round may take off as little as one character.
const LONGEST_CLEANED: usize = 4096;

/// A caption without its packaging, and what the packaging said.
#[derive(Debug)]
pub(in crate::quality) struct Cleaned {
    /// The caption, on one line.
    pub(in crate::quality) text: String,
    /// The reply with its lines, without thoughts, fences and the like: what
    /// labels and lists are looked for in.
    pub(in crate::quality) lined: String,
    /// The model was still thinking when it stopped.
    pub(in crate::quality) unfinished_thought: bool,
    /// Too long to be cleaned at all.
    pub(in crate::quality) overlong: bool,
}

/// Takes the packaging off a reply.
pub(in crate::quality) fn clean(reply: &str) -> Cleaned {
    let (opened, unfinished_thought) = open(reply);
    let flat = characters::on_one_line(&opened);
    if flat.len() > LONGEST_CLEANED {
        return Cleaned {
            text: flat,
            lined: opened,
            unfinished_thought,
            overlong: true,
        };
    }
    let lined = packaging::take_off(&opened);
    let mut text = opened;
    // Every round but the last makes the text shorter, or its first letter
    // large, or puts it on one line.
    for _ in 0..flat.len() + 3 {
        let next = round(&text);
        if next == text {
            break;
        }
        text = next;
    }
    Cleaned {
        text,
        lined,
        unfinished_thought,
        overlong: false,
    }
}

/// Removes what is not text: invisible characters and thoughts.
fn open(text: &str) -> (String, bool) {
    thinking::remove(&characters::visible(text))
}

fn round(text: &str) -> String {
    let (text, _) = open(text);
    let text = packaging::take_off(&text);
    let text = layout::plain_lines(&text);
    let text = layout::plain_spans(&text);
    let text = remarks::drop_closing(&text);
    let text = preamble::drop_announcement(text);
    let text = openings::drop_opening(&text);
    characters::on_one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cleaned(text: &str) -> String {
        clean(text).text
    }

    #[test]
    fn packaging_in_packaging_comes_off() {
        let same = "A dog runs along a beach.";
        for reply in [
            "A dog runs along a beach.",
            "  \"A dog runs along a beach.\"\n",
            "“A dog runs along a beach.”",
            "**Alt text:** \"A dog runs along a beach.\"",
            "Sure! Here's a caption:\n\n\"A dog runs along a beach.\"\n\nLet me know if you need anything else!",
            "```json\n{\"caption\": \"A dog runs along a beach.\"}\n```",
            "Here is the JSON with the alt text:\n```json\n{\n  \"alt_text\": \"This image shows a dog runs along a beach.\"\n}\n```\nI hope this helps!",
            "<think>The user wants alt text. A dog?</think>\n\nA dog runs along a beach.<|im_end|>",
            "## Alt text\n\nA dog runs along a beach.",
            "- A dog runs\n  along a beach.",
            "Alt text: *A dog runs along a beach.* (125 characters)",
            "`A dog runs along a beach.`",
            "\u{feff}A dog\u{200b} runs along a beach.</s>",
            "In this image, a dog runs along a beach.",
            "<|im_start|>assistant\nA dog runs along a beach.<|im_end|>",
        ] {
            assert_eq!(cleaned(reply), same, "{reply:?}");
        }
    }

    #[test]
    fn no_sentence_is_cut_at_an_abbreviation() {
        for text in [
            "The church of St. Magdalena stands below the Dolomites.",
            "A poster for the film Dr. No. hangs on a wall.",
            "A bottle of Chanel No. 5 stands on a shelf.",
            "A bust of J. S. Bach in front of St. Thomas, Leipzig.",
            "Mr. and Mrs. Smith dance at 5 p.m. in Washington, D.C.",
            "St. Magdalena in Funes",
            "Ein Bild hängt in der St.-Anna-Kirche, ca. 3,5 m hoch.",
            "M. Dupont et Mme. Durand devant l'église St. Pierre.",
        ] {
            assert_eq!(cleaned(text), text);
        }
    }

    #[test]
    fn an_enormous_reply_is_only_put_in_order() {
        let long = "a dog \n".repeat(200_000);
        let found = clean(&long);
        assert!(found.overlong && !found.text.contains('\n'));
        for nested in ["\"", "(", "*", "<think>", "{\"a\":", "\u{201c}", "> "] {
            let found = clean(&nested.repeat(300_000));
            assert!(!found.text.contains('\n'));
        }
        let thoughts = format!("<think>{}</think>A dog.", "thought\n".repeat(100_000));
        assert_eq!(cleaned(&thoughts), "A dog.");
    }

    const PACKAGING: [&str; 46] = [
        "[",
        "]",
        "{",
        ". ",
        "(17 characters)",
        "alt_text: ",
        "\"",
        "'",
        "“",
        "”",
        "«",
        "»",
        "`",
        "```",
        "```json",
        "*",
        "**",
        "_",
        "# ",
        "- ",
        "1. ",
        "\n",
        " ",
        "{\"caption\": \"",
        "\"}",
        "<think>",
        "</think>",
        "</s>",
        "<|im_end|>",
        "Alt text:",
        "Caption:",
        "Sure!",
        "Here is the alt text:",
        "This image shows ",
        "An image of ",
        "In this image, ",
        "Let me know if you like it.",
        "(125 characters)",
        "I hope this helps!",
        "a dog",
        "A dog.",
        "St. Magdalena",
        "\u{200d}",
        "\u{200b}",
        "é",
        "Das Bild zeigt ein ",
    ];

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(parts in prop::collection::vec(0..PACKAGING.len(), 0..14)) {
            let reply: String = parts.into_iter().map(|part| PACKAGING[part]).collect();
            let once = cleaned(&reply);
            prop_assert_eq!(cleaned(&once), once);
        }

        #[test]
        fn any_string_is_cleaned_to_one_line_and_stays_so(reply in any::<String>()) {
            let once = cleaned(&reply);
            let line_ends = ['\n', '\r', '\u{2028}', '\u{85}'];
            prop_assert!(!once.contains(line_ends), "{once:?}");
            prop_assert_eq!(cleaned(&once), once);
        }

        #[test]
        fn a_plain_sentence_comes_through_unchanged(
            subject in prop::sample::select(vec!["Two dogs", "An old woman", "St. Magdalena", "A child's \"Stop\" sign", "J. S. Bach"]),
            rest in prop::collection::vec("[a-z]{1,9}", 1..12),
            end in prop::sample::select(vec!["", ".", "!", " (left)."]),
        ) {
            let sentence = format!("{subject} {}{end}", rest.join(" "));
            prop_assert_eq!(cleaned(&sentence), sentence);
        }
    }
}
