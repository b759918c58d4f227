//! What a terminal may be shown. Titles, captions, ids and error bodies are
//! foreign: a control character in one could move the cursor, change colours,
//! retitle the window or type for the person, and an override of the writing
//! direction could make a text read as another.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Stands where such a character stood.
const BLOT: char = '\u{fffd}';

/// A text for people without anything that a terminal would obey, lines and
/// tabs aside.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    // A line end of another system is a line end.
    let text = text.replace("\r\n", "\n");
    Cow::Owned(text.replace(is_obeyed, &BLOT.to_string()))
}

/// The same for JSON, where each of them has an escaped form that means the same.
/// They can only stand inside of strings there.
pub(super) fn harmless_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_obeyed) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_obeyed(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Controls (C0, DEL and C1, some of which terminals obey without an escape
/// character), separators of lines and paragraphs, marks that change the writing
/// direction for what follows, and invisible tags.
fn is_obeyed(c: char) -> bool {
    let marks = matches!(c,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}');
    marks || (c.is_control() && !matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (text, shown) in [
            ("plain äöü 日本 👩‍🚀", "plain äöü 日本 👩‍🚀"),
            ("a\tb\nc", "a\tb\nc"),
            ("\u{1b}[31mred", "\u{fffd}[31mred"),
            ("\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"),
            ("\u{9b}2J", "\u{fffd}2J"),
            ("over\rwritten", "over\u{fffd}written"),
            ("two\r\nlines", "two\nlines"),
            ("\u{202e}gpj.exe\u{2066}", "\u{fffd}gpj.exe\u{fffd}"),
            ("\u{8}\u{7f}\0", "\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn json_says_the_same_and_holds_nothing_to_obey(text in "[\\PC\u{0}-\u{1f}\u{7f}-\u{9f}\u{202e}\u{e0041}]{0,40}") {
            let json = serde_json::to_string(&text).expect("text is JSON");
            let safe = harmless_json(&json);
            prop_assert!(!safe.contains(is_obeyed));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).expect("still JSON"), text);
        }
    }
}
