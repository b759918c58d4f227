//! Text that was damaged on its way: control characters, replacement
//! characters, UTF-8 that was read as something else.

use regex::Regex;
use std::sync::LazyLock;

/// What UTF-8 looks like when it is read as Latin-1 or Windows-1252: "Ã©" for
/// "é", "â€™" for an apostrophe, "ðŸ" for an emoji.
static MISREAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[ÃÂ][\u{80}-\u{bf}€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸ]|â€|â„¢|ðŸ|ï»¿|Ð[\u{80}-\u{bf}]")
        .expect("the pattern is valid")
});

/// No language has words of so many letters.
static ENDLESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[A-Za-z0-9]{80}").expect("the pattern is valid"));

/// Whether the text is damaged.
pub(super) fn is_garbled(text: &str) -> bool {
    text.chars().any(is_no_text) || MISREAD.is_match(text) || ENDLESS.is_match(text)
}

fn is_no_text(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{fffd}' | '\u{fffe}' | '\u{ffff}' | '\u{e000}'..='\u{f8ff}'
        )
}
