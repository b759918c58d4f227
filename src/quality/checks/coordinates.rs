//! Geographical coordinates: where a private photo was taken is nobody's
//! business, whatever its metadata said.

use regex::{Regex, RegexSet};
use std::sync::LazyLock;

static NAMED: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // 46° 38' N, 46°38′12″, 46.63° N
        r"(?i)\b\d{1,3}\s?°\s?\d{1,2}(?:[.,]\d+)?\s?['′’]",
        r"\b\d{1,3}(?:[.,]\d+)?\s?°\s?[NSEWO]\b",
        r"(?i)\b\d{1,3}(?:\.\d+)?\s?degrees(?: \d+ minutes?)? (?:north|south|east|west)\b",
        // 46.63 N, 11.72 E
        r"\b\d{1,2}[.,]\d{2,}\s?[NS]\b[\s,;/]{1,3}\d{1,3}[.,]\d{2,}\s?[EWO]\b",
        r"\b[NS]\s?\d{1,2}[.,]\d{2,}[\s,;/]{1,3}[EWO]\s?\d{1,3}[.,]\d{2,}",
        r"(?i)\b(?:latitude|longitude|breitengrad|längengrad|latitud|longitud|latitudine|longitudine|breedtegraad|lengtegraad|latitude|gps)\b[^\d.!?]{0,25}\d",
        r"(?i)\b(?:lat|lon|lng|long)\s?[:=]\s?[-−]?\d",
        r"(?i)\bgeo:\s?[-−]?\d",
        r"(?i)\b(?:lat|lon|lng)\.?\s{1,2}[-−+]?\d{1,3}[.,]\d",
        r"(?i)\blat\.?\s{1,2}[-−+]?\d{1,2}\W{1,4}(?:lon|lng|long)\.?\s{1,2}[-−+]?\d",
        // N 52 22 12 E 4 53 42, and the letters behind the numbers.
        r"\b[NS]\s?\d{1,2}(?:[\s:]\d{1,2}){1,2}(?:[.,]\d+)?[\s,;/]{1,3}[EWO]\s?\d{1,3}[\s:]\d{1,2}",
        r"\b\d{1,2}(?:[\s:]\d{1,2}){1,2}(?:[.,]\d+)?\s?[NS]\b[\s,;/]{1,3}\d{1,3}(?:[\s:]\d{1,2}){1,2}(?:[.,]\d+)?\s?[EWO]\b",
        // Plus codes, grid references, three words.
        r"\b[2-9CFGHJMPQRVWX]{4,8}\+[2-9CFGHJMPQRVWX]{2,3}\b",
        r"\b\d{1,2}[C-HJ-NP-X]\s?[A-HJ-NP-Z]{2}\s\d{4,5}\s\d{4,5}\b",
        r"(?:^|\s)///\p{L}+\.\p{L}+\.\p{L}+",
    ])
    .expect("the patterns of this file are valid")
});

/// Two decimal numbers side by side.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?P<lat>[-−]?\d{1,3}\.(?P<latd>\d{2,}))(?P<between>\s?[,;/]\s?|\s)(?P<lon>[-−]?\d{1,3}\.(?P<lond>\d{2,}))",
    )
    .expect("the pattern is valid")
});

/// Two numbers as exact as a receiver gives them, with decimal commas or a word
/// between.
static EXACT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?P<lat>[-−]?\d{1,2}[.,]\d{4,})(?:\s?[,;/]\s?|\s(?:(?:and|und|en|et|e|y)\s)?)(?P<lon>[-−]?\d{1,3}[.,]\d{4,})",
    )
    .expect("the pattern is valid")
});

/// What stands behind two numbers that are prices, times or measures.
static UNIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^\s?(?i:[€$£¥%]|eur\b|usd\b|chf\b|gbp\b|euros?\b|dollars?\b|francs?\b|uhr\b|o'clock|[ap]\.?m\b|h\b|km\b|m\b|cm\b|mm\b|kg\b|g\b|l\b|miles?\b|feet\b|ft\b|x\b|×|seconds?\b|s\b|°\s?[cf]\b)",
    )
    .expect("the pattern is valid")
});

/// Whether there are coordinates in the text.
pub(super) fn has_coordinates(text: &str) -> bool {
    NAMED.is_match(text) || has_pair(text) || has_exact_pair(text)
}

fn has_exact_pair(text: &str) -> bool {
    EXACT.captures_iter(text).any(|found| {
        let whole = found.get(0).expect("group 0 is the match");
        let number = |name: &str| {
            let number = found[name].replace('−', "-").replace(',', ".");
            number.parse::<f64>().ok()
        };
        number("lat").is_some_and(|lat| lat.abs() <= 90.0)
            && number("lon").is_some_and(|lon| lon.abs() <= 180.0)
            && stands_free(text, whole.start(), whole.end())
    })
}

fn has_pair(text: &str) -> bool {
    let mut from = 0;
    while let Some(found) = PAIR.captures_at(text, from) {
        let whole = found.get(0).expect("group 0 is the match");
        let lat = found.name("lat").expect("the group always matches");
        if is_pair(&found) && stands_free(text, whole.start(), whole.end()) {
            return true;
        }
        // The second number may be the first of another pair.
        from = lat.end();
    }
    false
}

fn is_pair(found: &regex::Captures<'_>) -> bool {
    let number = |name: &str| found[name].replace('−', "-").parse::<f64>().ok();
    let in_range = number("lat").is_some_and(|lat| lat.abs() <= 90.0)
        && number("lon").is_some_and(|lon| lon.abs() <= 180.0);
    // Without a comma only numbers as exact as a receiver gives them count.
    let exact = found["latd"].len() >= 3 && found["lond"].len() >= 3;
    in_range && (exact || found["between"].contains(','))
}

/// Whether the numbers are no part of dates and carry no currency or unit.
fn stands_free(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back().unwrap_or(' ');
    let earlier = text[..start].trim_end().chars().next_back().unwrap_or(' ');
    let mut after = text[end..].chars();
    let next = after.next().unwrap_or(' ');
    let part_of_date = next == '.' && after.next().is_some_and(|c| c.is_ascii_digit());
    !(before.is_alphanumeric()
        || ".,:/".contains(before)
        || "€$£¥".contains(earlier)
        || next.is_alphanumeric()
        || part_of_date
        || UNIT.is_match(&text[end..]))
}
