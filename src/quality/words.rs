//! How the checks take a text apart: into words, and into what the model says
//! itself and what it quotes.

use unicode_segmentation::UnicodeSegmentation;

/// The words of a text in lower case, with straight apostrophes; by Unicode's
/// word boundaries, so that languages without spaces have words too.
pub(super) fn words(text: &str) -> Vec<String> {
    text.unicode_words()
        .map(|word| word.to_lowercase().replace('’', "'"))
        .collect()
}

/// The text without what stands in quotes: a sign in a photo may say anything,
/// in any language. A quote that is never closed hides nothing.
pub(super) fn unquoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut open: Option<(char, usize)> = None;
    let mut before = ' ';
    let mut characters = text.char_indices().peekable();
    while let Some((_, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, next)| *next);
        match open {
            Some((close, start)) if c == close && !(is_single(c) && next.is_alphanumeric()) => {
                kept.truncate(start);
                kept.push(' ');
                open = None;
            }
            Some(_) => kept.push(c),
            None => {
                let fresh = before.is_whitespace() || "([—–-/:".contains(before);
                if let Some(close) = closing(c).filter(|_| fresh || !is_straight(c)) {
                    open = Some((close, kept.len()));
                }
                kept.push(c);
            }
        }
        before = c;
    }
    kept
}

fn is_single(c: char) -> bool {
    c == '\'' || c == '’'
}

fn is_straight(c: char) -> bool {
    c == '\'' || c == '"'
}

fn closing(open: char) -> Option<char> {
    match open {
        '"' => Some('"'),
        '\'' => Some('\''),
        '“' => Some('”'),
        '„' => Some('“'),
        '«' => Some('»'),
        '‹' => Some('›'),
        '‘' => Some('’'),
        '「' => Some('」'),
        '『' => Some('』'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_left_out_and_apostrophes_are_no_quotes() {
        for (text, kept) in [
            ("A sign: \"Sorry, I can't\".", "A sign:  ."),
            ("A sign “東京” here", "A sign   here"),
            ("Ein Schild „Halt“ hier", "Ein Schild   hier"),
            ("A 'Stop' sign", "A   sign"),
            ("A card 'I can't do it' here", "A card   here"),
            ("The boy's dog's toys", "The boy's dog's toys"),
            (
                "A 24\" screen and a 12\" disc",
                "A 24\" screen and a 12\" disc",
            ),
            ("A \"quote that never ends", "A \"quote that never ends"),
        ] {
            assert_eq!(unquoted(text), kept);
        }
    }

    #[test]
    fn words_are_plain_and_small() {
        assert_eq!(
            words("A Child’s “Stop” sign, 3.5 m"),
            ["a", "child's", "stop", "sign", "3.5", "m"]
        );
        assert!(words("東京駅").len() > 1);
    }
}
