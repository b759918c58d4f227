//! Markdown that only decorates: marks at the start of lines, emphasis.

use crate::quality::lexicon;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns of this file are valid")
}

static FENCE_LINES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*(?:```|~~~)[ \t]*[\w-]*[ \t]*$"));
static RULES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)^[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|={3,})$")
});
static LINE_STARTS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*(?:(?:#{1,6}|[-*•–]|>+)[ \t]+|1\)[ \t]+)+"));
/// `1.` is no list where a date or a club may begin so ("1. Mai", "1. FC Köln"):
/// it counts only before a small word.
static FIRST_OF_LIST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[ \t]*1\.[ \t]+(?P<word>[\p{L}']+)"));

/// The text without marks at the start of its lines.
pub(super) fn plain_lines(text: &str) -> String {
    let text = FENCE_LINES.replace_all(text, "");
    let text = RULES.replace_all(&text, "");
    let text = LINE_STARTS.replace_all(&text, "");
    match FIRST_OF_LIST.captures(&text) {
        Some(found) if is_small(&found["word"]) => {
            let start = found.name("word").map_or(0, |word| word.start());
            text[start..].to_owned()
        }
        _ => text.into_owned(),
    }
}

fn is_small(word: &str) -> bool {
    let word = word.to_lowercase();
    lexicon::ALL
        .iter()
        .any(|table| table.frequent.contains(&word.as_str()))
}

static SPANS: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
    [
        (pattern(r"\*\*([^*\n]+)\*\*"), "$1"),
        (
            pattern(r"(^|[^\w*])\*([^\s*](?:[^*\n]*[^\s*])?)\*($|[^\w*])"),
            "$1$2$3",
        ),
        (
            pattern(r"(?m)(^|[^\w])__([^\s_](?:[^_\n]*[^\s_])?)__($|[^\w])"),
            "$1$2$3",
        ),
        (
            pattern(r"(?m)(^|[^\w])_([^\s_](?:[^_\n]*[^\s_])?)_($|[^\w])"),
            "$1$2$3",
        ),
        (pattern(r"`([^`\n]+)`"), "$1"),
    ]
});

/// The text without the marks of bold, italic and code.
pub(super) fn plain_spans(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for (span, inner) in SPANS.iter() {
        if let Cow::Owned(plain) = span.replace_all(&text, *inner) {
            text = Cow::Owned(plain);
        }
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_lines_go() {
        for text in [
            "# A dog",
            "### A dog",
            "- A dog",
            "* A dog",
            "• A dog",
            "> A dog",
            "1. A dog",
            "1) A dog",
            "---\nA dog",
            "```text\nA dog\n```",
        ] {
            assert_eq!(plain_lines(text).trim(), "A dog", "{text:?}");
        }
        for text in [
            "1. Mai in Berlin",
            "1. FC Köln",
            "#1 of 5",
            "-5 degrees",
            "2024. A year",
            "3.5 m",
        ] {
            assert_eq!(plain_lines(text), text);
        }
    }

    #[test]
    fn emphasis_goes_and_other_stars_stay() {
        for text in [
            "**A dog**",
            "*A dog*",
            "__A dog__",
            "_A dog_",
            "`A dog`",
            "A **dog**",
            "A *dog*",
            "*A* **dog**",
        ] {
            assert_eq!(plain_spans(text), "A dog", "{text:?}");
        }
        assert_eq!(plain_spans("**Alt text:**A dog"), "Alt text:A dog");
        for text in [
            "M*A*S*H",
            "5 * 3 * 2",
            "snake_case_name",
            "A 4* and a 5* hotel",
            "a_b",
        ] {
            assert_eq!(plain_spans(text), text);
        }
    }
}
