//! What a model thought before it answered.

use regex::Regex;
use std::sync::LazyLock;

static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)<(/?)(?:think|thinking|thought|reasoning)>").expect("the pattern is valid")
});

/// The text without thoughts, and whether the last one never ended. An
/// unfinished thought is kept (without its mark), because it is all there is.
pub(super) fn remove(text: &str) -> (String, bool) {
    let mut kept = String::with_capacity(text.len());
    let mut rest = 0;
    let mut opened = None;
    for tag in TAG.captures_iter(text) {
        let whole = tag.get(0).expect("group 0 is the match");
        let closes = !tag[1].is_empty();
        match (closes, opened) {
            (false, None) => {
                kept.push_str(&text[rest..whole.start()]);
                kept.push(' ');
                opened = Some(whole.end());
            }
            (false, Some(_)) => {}
            (true, Some(_)) => {
                opened = None;
                rest = whole.end();
            }
            // Where the prompt itself opens the thought, only its end is in the
            // reply; a caption follows it, or what came before is the caption.
            (true, None) => {
                if text[whole.end()..].trim().is_empty() {
                    kept.push_str(&text[rest..whole.start()]);
                    kept.push(' ');
                } else {
                    kept.clear();
                }
                rest = whole.end();
            }
        }
    }
    if let Some(thought) = opened {
        kept.push_str(&TAG.replace_all(&text[thought..], " "));
    } else {
        kept.push_str(&text[rest..]);
    }
    (kept, opened.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_removed_and_unfinished_ones_reported() {
        for (text, kept, unfinished) in [
            ("A dog.", "A dog.", false),
            ("<think>Hm.</think>A dog.", "A dog.", false),
            ("<THINKING>a\nb</thinking>\nA dog.", "A dog.", false),
            (
                "<think>one</think><think>two</think>A dog.",
                "A dog.",
                false,
            ),
            ("Hm, a dog.</think>A dog.", "A dog.", false),
            ("A dog.</think>", "A dog.", false),
            ("<think></think>", "", false),
            ("<think>Is it a dog", "Is it a dog", true),
            ("<think>a<think>b", "a b", true),
            ("A dog. <think>Was it", "A dog.  Was it", true),
        ] {
            let found = remove(text);
            assert_eq!((found.0.trim(), found.1), (kept, unfinished), "{text:?}");
        }
    }

    #[test]
    fn no_mark_is_left_or_made() {
        for text in [
            "<th<think>ink>x",
            "a</think>b</think>c",
            "<think>a</think></think>b<think>",
        ] {
            let (kept, _) = remove(text);
            assert!(!TAG.is_match(&kept), "{text:?} -> {kept:?}");
            assert_eq!(remove(&kept), (kept, false));
        }
    }
}
