//! HTML, Markdown and JSON that cleaning did not recognise as mere packaging.

use regex::RegexSet;
use std::sync::LazyLock;

static MARKUP: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // Tags, and the marks with which models begin and end.
        r"</?[A-Za-z][A-Za-z0-9_-]{0,30}(?:\s[^<>]{0,300})?/?>",
        r"<!--|<!\w|<\||\|>|<｜|\[/?INST\]",
        // Entities.
        r"&(?:[a-zA-Z]{2,8}|#\d{1,7}|#x[0-9a-fA-F]{1,6});",
        // Links and images.
        r"!?\[[^\[\]]{0,300}\]\([^()]{0,300}\)",
        // Tables.
        r"\|[^|]{1,200}\|[^|]{1,200}\||\|\s*:?-{3,}",
        // Fences, bold that did not pair up, headings that follow something.
        r"```|\*\*|~~|(?:^|\s)#{2,6}\s",
        // JSON.
        r#"[{}]|\[\s*["'\[]|"[\w -]{1,40}"\s*:\s*["\[{\dtfn]"#,
        // Escapes that no reader resolves.
        r#"\\n|\\"|\\u[0-9a-fA-F]{4}"#,
    ])
    .expect("the patterns of this file are valid")
});

/// Whether there is markup in the text.
pub(super) fn has_markup(text: &str) -> bool {
    MARKUP.is_match(text)
}
