//! What wraps a whole reply: end marks of the model, code fences, JSON, quotes.

use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// Marks with which models begin and end what they say. They are not text; a
/// server with the wrong chat template lets them through.
const MARK: &str = r"(?:<\|[A-Za-z0-9_]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?s>|<eos>|<bos>|<(?:start|end)_of_(?:turn|utterance|text)>|\[/?INST\])";

static FIRST_MARKS: LazyLock<Regex> = LazyLock::new(|| {
    let role = r"(?:assistant|model)\b";
    let turn = r"(?:<\|im_start\|>|<start_of_turn>|<\|start_header_id\|>)";
    Regex::new(&format!(r"^(?:(?:{turn}\s*{role}|{MARK})\s*)+")).expect("the pattern is valid")
});

static LAST_MARKS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"(?:\s*{MARK})+$")).expect("the pattern is valid"));

static FENCE_LANGUAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(?i:json|text|txt|plaintext|plain|markdown|md|html|yaml)\s|[a-z]*\n)")
        .expect("the pattern is valid")
});

/// Keys under which models put the caption, without case and punctuation; the
/// first one that is there wins.
const CAPTION_KEYS: [&str; 14] = [
    "alttext",
    "alt",
    "alternativetext",
    "caption",
    "imagealttext",
    "imagecaption",
    "imagedescription",
    "description",
    "text",
    "content",
    "answer",
    "result",
    "output",
    "response",
];

/// JSON deeper than this is no wrapper of a caption.
const DEEPEST: usize = 4;

/// The text without whatever wraps all of it, as often as it does.
pub(super) fn take_off(text: &str) -> String {
    let mut text = text.trim().to_owned();
    // Every turn makes the text shorter, so the loop ends.
    while let Some(inner) = one_layer(&text) {
        let inner = inner.trim().to_owned();
        debug_assert!(inner.len() < text.len());
        text = inner;
    }
    text
}

fn one_layer(text: &str) -> Option<String> {
    if let Some(marks) = FIRST_MARKS.find(text) {
        return Some(text[marks.end()..].to_owned());
    }
    if text.ends_with(['>', ']'])
        && let Some(marks) = LAST_MARKS.find(text)
    {
        return Some(text[..marks.start()].to_owned());
    }
    out_of_fence(text)
        .map(str::to_owned)
        .or_else(|| out_of_json(text))
        .or_else(|| out_of_brackets(text))
        .or_else(|| out_of_quotes(text))
}

fn out_of_fence(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("```")?.strip_suffix("```")?;
    if inner.contains("```") {
        return None;
    }
    let language = FENCE_LANGUAGE.find(inner).map_or(0, |found| found.end());
    Some(&inner[language..])
}

/// The caption out of `{"caption": "…"}` and its relatives.
fn out_of_json(text: &str) -> Option<String> {
    let wrapped = (text.starts_with('{') && text.ends_with('}'))
        || (text.starts_with('[') && text.ends_with(']'))
        || (text.len() > 1 && text.starts_with('"') && text.ends_with('"'));
    if !wrapped {
        return None;
    }
    // A line end inside a JSON string is not allowed, but models write it.
    let value: Value = serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace('\n', " ")))
        .ok()?;
    let found = caption_in(&value, DEEPEST)?;
    (found.trim().len() < text.len()).then(|| found.to_owned())
}

fn caption_in(value: &Value, depth: usize) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) if items.len() == 1 && depth > 0 => caption_in(&items[0], depth - 1),
        Value::Object(fields) if depth > 0 => CAPTION_KEYS.iter().find_map(|wanted| {
            let (_, value) = fields.iter().find(|(key, _)| plain_key(key) == *wanted)?;
            caption_in(value, depth - 1)
        }),
        _ => None,
    }
}

/// The text out of `[…]`, unless it is a list of texts.
fn out_of_brackets(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let plain = inner.trim_start().starts_with(char::is_alphanumeric);
    (plain && !inner.contains(['[', ']'])).then(|| inner.to_owned())
}

fn plain_key(key: &str) -> String {
    key.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Quotes that open differently from how they close.
const PAIRS: [(char, char); 14] = [
    ('“', '”'),
    ('„', '“'),
    ('„', '”'),
    ('«', '»'),
    ('»', '«'),
    ('‘', '’'),
    ('‚', '‘'),
    ('‚', '’'),
    ('‹', '›'),
    ('›', '‹'),
    ('「', '」'),
    ('『', '』'),
    ('”', '”'),
    ('’', '’'),
];

/// The text out of quotes that wrap the whole of it; `"Stop" and "Go"` is not
/// wrapped. A full stop behind the closing quote moves inside.
fn out_of_quotes(text: &str) -> Option<String> {
    let (body, stop) = match text.strip_suffix('.') {
        Some(body) => (body, "."),
        None => (text, ""),
    };
    let mut characters = body.chars();
    let open = characters.next()?;
    let Some(close) = characters.next_back() else {
        // A quote and nothing else.
        return (is_quote(open) && stop.is_empty()).then(String::new);
    };
    let inner = characters.as_str();
    let wraps = match (open, close) {
        ('"', '"') | ('\'', '\'') | ('`', '`') => wraps_evenly(inner, open),
        _ => PAIRS.contains(&(open, close)) && wraps_pairwise(inner, open, close),
    };
    if wraps {
        let stop = if inner.ends_with(['.', '!', '?', '…']) {
            ""
        } else {
            stop
        };
        return Some(format!("{inner}{stop}"));
    }
    lone_quote(text)
}

fn is_quote(c: char) -> bool {
    "\"'`".contains(c) || PAIRS.iter().any(|(open, close)| c == *open || c == *close)
}

/// Whether straight quotes around `inner` belong together: those inside come in
/// pairs, and the first of them opens.
fn wraps_evenly(inner: &str, quote: char) -> bool {
    let mut before = ' ';
    let mut inside = 0;
    let mut first_opens = true;
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        if c == quote {
            let next = characters.peek().copied().unwrap_or(' ');
            // Apostrophes are no quotes.
            let apostrophe = quote == '\'' && before.is_alphanumeric() && next.is_alphanumeric();
            if !apostrophe {
                if inside == 0 {
                    first_opens = before.is_whitespace() || "([—–-".contains(before);
                }
                inside += 1;
            }
        }
        before = c;
    }
    inside % 2 == 0 && first_opens
}

/// Whether the quote opened before `inner` is still open where it ends.
fn wraps_pairwise(inner: &str, open: char, close: char) -> bool {
    let mut depth = 1_usize;
    let mut before = ' ';
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        let apostrophe = c == '’' && before.is_alphanumeric() && next.is_alphanumeric();
        if c == close && !apostrophe {
            depth -= 1;
            if depth == 0 {
                return false;
            }
        } else if c == open {
            depth += 1;
        }
        before = c;
    }
    depth == 1
}

/// A text with one single straight quote, at its start or behind its last full
/// stop: the model forgot the other one.
fn lone_quote(text: &str) -> Option<String> {
    let mut found = text.match_indices('"');
    let (at, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    if at == 0 && text.ends_with(['.', '!', '?']) {
        return Some(text[1..].to_owned());
    }
    let before = text.strip_suffix('"')?;
    before.ends_with(['.', '!', '?']).then(|| before.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_every_kind_come_off_when_they_wrap_the_whole() {
        for text in [
            "\"A dog.\"",
            "'A dog.'",
            "`A dog.`",
            "“A dog.”",
            "„A dog.“",
            "„A dog.”",
            "«A dog.»",
            "« A dog. »",
            "»A dog.«",
            "‘A dog.’",
            "‚A dog.‘",
            "‹A dog.›",
            "「A dog.」",
            "\"A dog\".",
            "\"\"A dog.\"\"",
            "\"“A dog.”\"",
            "\"A dog.",
            "A dog.\"",
            "“A dog”.",
        ] {
            assert_eq!(take_off(text), "A dog.", "{text}");
        }
        assert_eq!(take_off("'A dog's bone.'"), "A dog's bone.");
        assert_eq!(take_off("‘A dog’s bone.’"), "A dog’s bone.");
        assert_eq!(take_off(r#""A "Stop" sign.""#), r#"A "Stop" sign."#);
        assert_eq!(take_off(r#""A \"Stop\" sign.""#), r#"A "Stop" sign."#);
        assert_eq!(take_off("\"\""), "");
        assert_eq!(take_off("\""), "");
    }

    #[test]
    fn quotes_inside_a_text_stay() {
        for text in [
            "\"Stop\" and \"Go\"",
            "“Stop” and “Go”",
            "'Stop' and 'Go'",
            "A sign that reads \"Stop\"",
            "A sign that reads \"Stop\".",
            "\"Stop\" on a sign.",
            "A 24\" screen",
            "«Stop» et «Va»",
            "'Til the boys' toys are gone.",
        ] {
            assert_eq!(take_off(text), text);
        }
    }

    #[test]
    fn captions_come_out_of_json() {
        for text in [
            r#"{"caption": "A dog."}"#,
            r#"{"alt_text":"A dog."}"#,
            r#"{"altText":"A dog.","language":"en"}"#,
            r#"{"Alt-Text":"A dog."}"#,
            r#"[{"alt":"A dog."}]"#,
            r#"["A dog."]"#,
            r#"{"result":{"caption":"A dog."}}"#,
            "```json\n{\"caption\":\n\"A dog.\"}\n```",
            "```{\"caption\":\"A dog.\"}```",
            "\"{\\\"caption\\\": \\\"A dog.\\\"}\"",
        ] {
            assert_eq!(take_off(text), "A dog.", "{text}");
        }
    }

    #[test]
    fn brackets_around_the_whole_come_off() {
        assert_eq!(take_off("[A dog.]"), "A dog.");
        for text in ["[A dog] and [a cat]", "['A dog', 'a cat']", "[sic] A dog"] {
            assert_eq!(take_off(text), text);
        }
    }

    #[test]
    fn json_without_one_caption_stays_for_the_gate() {
        for text in [
            r#"{"error":"timeout"}"#,
            r#"["A dog.","A cat."]"#,
            r#"{"caption":null}"#,
            r#"{"caption": "A dog"#,
            r#"[{"alt":"A dog."},{"alt":"A cat."}]"#,
        ] {
            assert_eq!(take_off(text), text);
        }
    }

    #[test]
    fn marks_of_the_model_come_off_both_ends() {
        for text in [
            "A dog.<|im_end|>",
            "A dog.</s>",
            "<s> A dog. </s>",
            "A dog.<end_of_turn>\n<eos>",
            "<start_of_turn>model\nA dog.<end_of_turn>",
            "<|start_header_id|>assistant<|end_header_id|>\n\nA dog.<|eot_id|>",
            "A dog.<｜end▁of▁sentence｜>",
        ] {
            assert_eq!(take_off(text), "A dog.", "{text}");
        }
    }
}
