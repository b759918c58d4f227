//! HTML made text: what a person would read of it, on one line.

/// The names of characters that content management systems write as entities.
/// Numeric entities need no list.
const NAMED: [(&str, &str); 28] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("shy", ""),
    ("ndash", "–"),
    ("mdash", "—"),
    ("hellip", "…"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("copy", "©"),
    ("reg", "®"),
    ("deg", "°"),
    ("eacute", "é"),
    ("egrave", "è"),
    ("agrave", "à"),
    ("ccedil", "ç"),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("szlig", "ß"),
    ("euro", "€"),
];

/// The longest entity that is looked for, from `&` to `;`.
const LONGEST_ENTITY: usize = 12;

/// The text of an HTML fragment: tags become spaces where they break a line,
/// entities become their characters, white space is folded.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') {
            skip_tag(rest, &mut text)
        } else {
            take_entity(rest, &mut text)
        };
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text between `<title>` and `</title>`, for error pages.
pub(super) fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let text = to_text(&page[start..end]);
    (!text.is_empty()).then_some(text)
}

/// Passes over a tag; returns what follows it.
fn skip_tag<'h>(rest: &'h str, text: &mut String) -> &'h str {
    let inside = &rest[1..];
    // A sign without a name behind it is a sign, as in `a < b`.
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<');
        return inside;
    }
    if let Some(comment) = inside.strip_prefix("!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let Some(end) = inside.find('>') else {
        return "";
    };
    let name = inside.trim_start_matches('/');
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next();
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let after = &inside[end + 1..];
    if matches!(name.as_str(), "script" | "style") && !inside.starts_with('/') {
        let close = format!("</{name}");
        let found = after.to_ascii_lowercase().find(&close);
        return found.map_or("", |at| &after[at..]);
    }
    let inline = ["a", "abbr", "b", "em", "i", "q", "small", "span", "strong"];
    if !inline.contains(&name.as_str()) {
        text.push(' ');
    }
    after
}

/// Decodes an entity, or keeps the ampersand; returns what follows.
fn take_entity<'h>(rest: &'h str, text: &mut String) -> &'h str {
    let end = rest.bytes().take(LONGEST_ENTITY).position(|b| b == b';');
    let decoded = end.and_then(|end| decode(&rest[1..end]).map(|found| (found, end)));
    if let Some((found, end)) = decoded {
        text.push_str(&found);
        &rest[end + 1..]
    } else {
        text.push('&');
        &rest[1..]
    }
}

fn decode(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    let known = NAMED.iter().find(|(known, _)| *known == name);
    known.map(|(_, text)| (*text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rendered_fields_become_what_a_person_reads() {
        for (html, text) in [
            (
                "<p>Backgammon, from the album.</p>\n",
                "Backgammon, from the album.",
            ),
            ("Salt &#038; pepper", "Salt & pepper"),
            (
                "&#8220;Quoted&#8221; &hellip; &eacute;t&eacute;",
                "“Quoted” … été",
            ),
            ("one<br/>two<p>three</p>", "one two three"),
            ("<strong>S</strong>pecial", "Special"),
            ("a < b &amp;& c", "a < b && c"),
            (
                "<script>alert('x')</script>seen<!-- not --> this",
                "seen this",
            ),
            ("cut <a href=\"x", "cut"),
            ("AT&T; &unknown; &#xZZ;", "AT&T; &unknown; &#xZZ;"),
            ("", ""),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn the_title_of_an_error_page_says_what_is_wrong() {
        let page = "<HTML><head><title>413 Request Entity\n Too Large</title>";
        assert_eq!(title(page).as_deref(), Some("413 Request Entity Too Large"));
        assert_eq!(title("<h1>x</h1>"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(html in "[<>&;#a-z/!é\u{1F600} -]{0,60}") {
            let _ = (to_text(&html), title(&html));
        }
    }
}
