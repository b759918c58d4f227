//! Web and mail addresses.

use regex::RegexSet;
use std::sync::LazyLock;

static ADDRESS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        r"(?i)\b[a-z][a-z0-9+.-]{1,15}://",
        r"(?i)\b(?:mailto|tel|data|javascript):[^\s]",
        r"(?i)\bwww\d?\.[a-z0-9]",
        r"(?i)[a-z0-9._%+-]@[a-z0-9-]+\.[a-z]{2,}",
        // Endings that are no words, so that they mean a domain in any case.
        r"(?i)\b[a-z0-9][a-z0-9-]*\.(?:com|org|net|edu|gov|mil|biz|io|dev|app|eu|uk|fr|nl|ch|jp|ru|pl|se|dk|fi|br|au|nz|cn|kr|cz|hu|gr|tv|xyz|museum)\b",
        // Endings that are words too ("the boat.It"), so that they mean a
        // domain only in lower case and behind something long enough.
        r"\b[A-Za-z0-9][A-Za-z0-9-]{2,}\.(?:de|it|es|be|at|us|ca|pt|ie|info)\b",
        r"\b[a-z0-9-]+\.[a-z0-9-]+\.(?:in|is|me|to|no|my|so|co|ai)\b|\b[a-z0-9-]+\.(?:[a-z]{2,6})/[a-z0-9]",
    ])
    .expect("the patterns of this file are valid")
});

/// Whether there is an address in the text.
pub(super) fn has_address(text: &str) -> bool {
    ADDRESS.is_match(text)
}
