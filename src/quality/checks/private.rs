//! What nobody is to read aloud to strangers: telephone numbers, and keys that a
//! program printed.

use regex::{Regex, RegexSet};
use std::sync::LazyLock;

static PRIVATE: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // Telephone numbers: of the world, behind a word, of North America.
        r"(?:^|[^\w+])\+\d{1,3}(?:[\s./()-]{0,2}\d){7,12}\b",
        r"(?i)\b(?:call|dial|phone|telephone|mobile|tel|telefon|telefoon|téléphone|teléfono|telefono|fax|whatsapp)\b\W{0,3}(?:(?:us|number|at|on|nr|no)\b\W{0,2})?\(?\d(?:[\s./()-]{0,2}\d){6,13}\b",
        r"(?:^|[^\w-])\(?\d{3}\)?[-.\s]\d{3}[-.\s]\d{4}(?:$|[^\w-])",
        // Keys by their beginnings.
        r"\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9]{16,}",
        r"\bAKIA[0-9A-Z]{12,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bAIza[\w-]{20,}|\bxox[abprs]-[\w-]{10,}|\bhf_[A-Za-z0-9]{20,}",
        r"\beyJ[\w-]{10,}\.[\w-]{10,}|(?i)\bbearer\s+[\w.~+/-]{16,}",
        r"-----BEGIN [A-Z ]*KEY-----",
    ])
    .expect("the patterns of this file are valid")
});

/// A word so long may be a key.
static LONG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[A-Za-z0-9_]{24,}").expect("the pattern is valid"));

/// Digits, and letters, from which on a long word is no word.
const MIXED: usize = 4;

/// Whether there is something of the kind in the text.
pub(super) fn has_private(text: &str) -> bool {
    PRIVATE.is_match(text) || LONG.find_iter(text).any(|word| is_mixed(word.as_str()))
}

fn is_mixed(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    digits >= MIXED && letters >= MIXED
}
