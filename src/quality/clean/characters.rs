//! Characters that nobody sees, and white space.

/// Characters without a width that a screen reader may stumble over, and marks
/// that only steer how text is laid out.
fn invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A joiner has a meaning inside Persian or Indic words and inside composed
/// emoji, and nowhere else.
fn joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// The text without invisible characters, with `\n` as its only line end.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().filter(|c| !invisible(*c)).peekable();
    let joins =
        |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace() && !joiner(c));
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    shown.push('\n');
                }
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' => shown.push('\n'),
            _ if joiner(c) => {
                if joins(shown.chars().next_back()) && joins(rest.peek().copied()) {
                    shown.push(c);
                }
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// The text on one line, with single plain spaces.
pub(super) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_go_and_meaningful_joiners_stay() {
        assert_eq!(
            visible("\u{feff}A\u{200b} d\u{ad}og\u{202e}\u{200d}."),
            "A dog."
        );
        assert_eq!(visible("👨\u{200d}👩\u{200d}👧"), "👨\u{200d}👩\u{200d}👧");
        assert_eq!(visible("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(visible("\u{200d}👧\u{200d}"), "👧");
    }

    #[test]
    fn white_space_of_every_kind_becomes_one_space() {
        let text = visible(" A\r\n\tdog\u{a0}\u{2003}on\u{2028}a\rbeach \n");
        assert_eq!(on_one_line(&text), "A dog on a beach");
    }
}
