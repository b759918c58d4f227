//! What a site is known to do to a text before it stores it, as a list of named
//! steps, and what has to be done to a text before it is sent so that it arrives
//! as it was meant.
//!
//! With the steps declared, a text can be recognised as ours even where the reply
//! to our write was lost: the site then shows what these steps make of it.

use serde::Deserialize;

/// One step, in the order in which the site takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    /// `<script>` and `<style>` go with their content, other tags alone; a `<`
    /// before white space is no tag.
    StripTags,
    /// A `<` that no `>` follows becomes `&lt;`, and with it the other signs of
    /// HTML up to the next `<`.
    EscapeOpenLessThan,
    /// Runs of spaces, tabs and line breaks become one space.
    SingleSpaces,
    /// White space at both ends goes.
    Trim,
    /// `%20` and its like vanish, until none is left.
    DropPercentCodes,
    /// One level of backslashes goes.
    DropBackslashes,
    /// Only so many characters are kept.
    Shorten(usize),
}

/// What is done to a text before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Escape {
    /// Backslashes are doubled, for sites that take one level away.
    Backslashes,
}

/// What a site makes of a text.
pub(super) fn clean(text: &str, steps: &[Step]) -> String {
    steps
        .iter()
        .fold(text.to_owned(), |text, step| step.apply(&text))
}

/// A text as it is sent.
pub(super) fn escape(text: &str, escapes: &[Escape]) -> String {
    escapes
        .iter()
        .fold(text.to_owned(), |text, escape| match escape {
            Escape::Backslashes => text.replace('\\', "\\\\"),
        })
}

impl Step {
    fn apply(self, text: &str) -> String {
        match self {
            Self::StripTags => strip_tags(&without_scripts(text)),
            Self::EscapeOpenLessThan => escape_open(text),
            Self::SingleSpaces => single_spaces(text, &[' ', '\t', '\r', '\n']),
            // PHP's list; no other space goes.
            Self::Trim => text
                .trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}'])
                .to_owned(),
            Self::DropPercentCodes => drop_percent_codes(text),
            Self::DropBackslashes => drop_backslashes(text),
            Self::Shorten(most) => text.chars().take(most).collect(),
        }
    }
}

fn single_spaces(text: &str, spaces: &[char]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut before = false;
    for letter in text.chars() {
        let space = spaces.contains(&letter);
        if !space {
            kept.push(letter);
        } else if !before {
            kept.push(' ');
        }
        before = space;
    }
    kept
}

fn without_scripts(text: &str) -> String {
    let mut kept = text.to_owned();
    for name in ["script", "style"] {
        let (open, close) = (format!("<{name}"), format!("</{name}>"));
        loop {
            let lower = kept.to_ascii_lowercase();
            let Some(start) = lower.find(&open) else {
                break;
            };
            let Some(end) = lower[start..].find(&close) else {
                break;
            };
            kept.replace_range(start..start + end + close.len(), "");
        }
    }
    kept
}

/// Takes tags away as PHP does: up to the `>` that no quotation mark holds.
fn strip_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let opens = letter == '<' && letters.peek().is_some_and(|next| !next.is_whitespace());
        if !opens {
            kept.push(letter);
            continue;
        }
        let mut quote = None;
        for inside in letters.by_ref() {
            match (inside, quote) {
                ('>', None) => break,
                ('"' | '\'', None) => quote = Some(inside),
                (mark, Some(open)) if mark == open => quote = None,
                _ => {}
            }
        }
    }
    kept
}

fn escape_open(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let inside = &rest[1..];
        let end = inside.find(['<', '>']);
        let closed = end.is_some_and(|end| inside[end..].starts_with('>'));
        let length = 1 + end.unwrap_or(inside.len());
        let (part, after) = rest.split_at(length);
        if closed {
            kept.push_str(part);
        } else {
            kept.push_str(&escape_html(part));
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn escape_html(text: &str) -> String {
    // An entity that is there already is not escaped again.
    let mut kept = String::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => kept.push_str("&lt;"),
            '"' => kept.push_str("&quot;"),
            '\'' => kept.push_str("&#039;"),
            '&' if !begins_entity(&text[at..]) => kept.push_str("&amp;"),
            other => kept.push(other),
        }
    }
    kept
}

fn begins_entity(text: &str) -> bool {
    let Some((name, _)) = text[1..].split_once(';') else {
        return false;
    };
    let body = name.strip_prefix('#').unwrap_or(name);
    !body.is_empty() && body.len() <= 10 && body.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn drop_percent_codes(text: &str) -> String {
    let mut kept = text.to_owned();
    let mut found = false;
    while let Some(code) = percent_code(&kept) {
        kept = kept.replace(&code, "");
        found = true;
    }
    if found {
        kept = Step::Trim.apply(&single_spaces(&kept, &[' ']));
    }
    kept
}

/// The first `%` with two hexadecimal digits behind it.
fn percent_code(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_code = |three: &[u8]| {
        three[0] == b'%' && three[1].is_ascii_hexdigit() && three[2].is_ascii_hexdigit()
    };
    let at = bytes.windows(3).position(is_code)?;
    Some(text[at..at + 3].to_owned())
}

fn drop_backslashes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => kept.extend(letters.next()),
            other => kept.push(other),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the WordPress preset declares.
    const WORDPRESS: [Step; 6] = [
        Step::EscapeOpenLessThan,
        Step::StripTags,
        Step::SingleSpaces,
        Step::Trim,
        Step::DropPercentCodes,
        Step::DropBackslashes,
    ];

    /// Pairs measured on WordPress 6.1.9 through its REST API.
    #[test]
    fn the_steps_make_of_a_text_what_wordpress_was_seen_to_make_of_it() {
        for (sent, kept) in [
            ("100% of %20", "100% of"),
            ("<3", "&lt;3"),
            ("a<b and c>d", "ad"),
            ("a < b and c > d", "a < b and c > d"),
            ("one\n\ttwo   three ", "one two three"),
            ("<script>alert(1)</script>A dog", "A dog"),
            ("<b>Bold</b> move", "Bold move"),
            (r"C:\photos", "C:photos"),
            (r"C:\\photos", r"C:\photos"),
            ("%%2020", ""),
            ("“Grün” & 'blau' 🐕", "“Grün” & 'blau' 🐕"),
            (
                r#"<3 "x" & y 'z'"#,
                "&lt;3 &quot;x&quot; &amp; y &#039;z&#039;",
            ),
            ("<3 < 4 <b>x</b>", "&lt;3 &lt; 4 x"),
            ("x &amp; y <", "x &amp; y &lt;"),
            (r#"<a href="x>y">t</a>z"#, "tz"),
            ("<!-- c --> d", "d"),
            ("\u{2003}em", "\u{2003}em"),
            ("<\nx", "&lt; x"),
            ("<style>a{}</style>b", "b"),
            ("%E4%BD%A0 ok", "ok"),
            (r"trail \", "trail "),
            ("a<", "a&lt;"),
            ("<>x", "x"),
            ("< >x", "< >x"),
            ("Tom &amp Jerry <", "Tom &amp Jerry &lt;"),
            ("<script>x", "x"),
        ] {
            assert_eq!(clean(sent, &WORDPRESS), kept, "{sent}");
        }
    }

    #[test]
    fn doubled_backslashes_arrive_as_they_were_meant() {
        for text in [r"C:\photos\1", r"a \ b", r"\\server", "none"] {
            let sent = escape(text, &[Escape::Backslashes]);
            assert_eq!(clean(&sent, &[Step::DropBackslashes]), text);
        }
    }

    #[test]
    fn a_text_is_shortened_by_characters() {
        assert_eq!(clean("äöü", &[Step::Shorten(2)]), "äö");
    }
}
