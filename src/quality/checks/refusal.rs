//! Replies in which the model declines, in the languages of the tables. All
//! languages are looked for: models tend to refuse in English.

use crate::quality::lexicon;
use regex::Regex;
use std::sync::LazyLock;

static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
    let starts = lexicon::any_of(|words| words.refusing);
    let anywhere = lexicon::any_of(|words| words.refusing_anywhere);
    // A refusal in the first person begins a clause. Elsewhere the same words
    // are what a shirt or a card says.
    let joined = "but|and|however|because|since|so|while|although|unfortunately|regrettably|aber|und|mais|et|pero|y|ma|maar|mas";
    Regex::new(&format!(
        r"(?i)(?:(?:^|[.!?;,—–]\s*|\b(?:{joined})\b,?\s+)(?:{starts}))|(?:{anywhere})"
    ))
    .expect("the patterns in the tables are valid")
});

/// Whether the model declines in `unquoted`, a text without quotations.
pub(super) fn refuses(unquoted: &str) -> bool {
    REFUSAL.is_match(&unquoted.replace('’', "'"))
}
