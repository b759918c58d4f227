//! Replies that leave the choice to the reader.

use crate::quality::clean::{Cleaned, LABEL};
use regex::Regex;
use std::sync::LazyLock;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns of this file are valid")
}

/// "Option 1:", "Caption B -".
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:option|alternative|version|variant|variante|variation|caption|alt[- ]text|description|suggestion|choice|opción|opzione|optie|opção|vorschlag|beschreibung)\s*(?:#|no\.|nr\.)?\s*(?:\d{1,2}|[a-c]|one|two|three)\s*(?:\([^()]{0,40}\))?\s*\**\s*[:.)–—-]",
    )
});

static ANNOUNCED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\bhere are (?:a (?:few|couple)|some|several|two|three|four|five|\d{1,2})\b[^.:\n]{0,60}\b(?:options|captions|alternatives|suggestions|versions|descriptions|alt[- ]texts|variations|possibilities)\b",
    )
});

/// "Or:" alone on a line, or "Alternatively," before another try.
static OTHERWISE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?im)^[\s*_]*(?:or|oder|ou|o|oppure|of)[\s*_]*:?[\s*_]*$|(?:^|[.!?"”]\s+)[*_]*(?:alternatively|alternativ|alternatieve versie|alternativement|alternativamente|alternativamente|in alternativa)[*_]*\s*[:,]"#,
    )
});

static LIST_ITEM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*(?:\**\d{1,2}[.)]\**|[-*•–])[ \t]+\S"));

/// `1. … 2. …` on one line; a date has no full stop before its number.
static LIST_INLINE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^["“*]*1[.)]\s.{3,}?[.!?"”'»]\s+["“*]*2[.)]\s"#));

/// A length or a style, as models name their variants.
static STYLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?im)^[\s*_#-]*(?:short|shorter|long|longer|brief|concise|detailed|simple|descriptive)(?:er)?(?: (?:version|alt[- ]text|caption|description|option))?[\s*_]*:",
    )
});

/// Paragraphs beside the caption, in which the model explains itself. They are
/// not cut away, because only a person can say where the caption ends.
static COMMENTARY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?im)(?:^[\s*_#(-]*|[.!?]["”)]?\s+[*_(]*)(?:explanation|reasoning|rationale|justification|notes?|analysis|key (?:elements|details|features)|why this works|tags|keywords|hashtags|erklärung|begründung|hinweis|explication|remarque|toelichting|opmerking|explicación|nota|spiegazione|explicação)[*_]*\s*:"#,
    )
});

/// Whether there is more than one caption in the reply.
pub(super) fn offers_several(cleaned: &Cleaned) -> bool {
    let lined = cleaned.lined.as_str();
    twice(&NUMBERED, lined)
        || ANNOUNCED.is_match(lined)
        || OTHERWISE.is_match(lined)
        || OTHERWISE.is_match(&cleaned.text)
        || twice(&LIST_ITEM, lined)
        || COMMENTARY.is_match(lined)
        || COMMENTARY.is_match(&cleaned.text)
        || LIST_INLINE.is_match(lined)
        || twice(&STYLED, lined)
        || labelled_lines(lined) > 1
}

fn twice(pattern: &Regex, text: &str) -> bool {
    pattern.find_iter(text).nth(1).is_some()
}

/// How many lines begin with a name for an answer: "Alt text: … Caption: …".
fn labelled_lines(lined: &str) -> usize {
    lined
        .lines()
        .map(|line| line.replace('*', ""))
        .filter(|line| line.contains([':', '：']) && LABEL.is_match(line.trim_start()))
        .take(2)
        .count()
}
