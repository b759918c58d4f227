//! Cells of a spreadsheet that can't run: a text that a spreadsheet would take
//! for a formula gets an apostrophe in front, and loses it again on the way
//! back, exactly.

/// What makes a spreadsheet calculate, at the start of a cell: the signs that
/// OWASP's "CSV Injection" names, with their full-width forms.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Whether a cell with this text might be taken for a formula. Apostrophes in
/// front don't count, so that a neutralised text is told from one that always
/// began with an apostrophe.
fn dangerous(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.starts_with(['\t', '\r', '\n']) || bare.trim_start().starts_with(SIGNS)
}

/// The text as a cell that stays text.
pub fn neutral(text: &str) -> String {
    if dangerous(text) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The inverse of [`neutral`].
pub fn original(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if dangerous(rest) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_become_text_and_ordinary_apostrophes_stay() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" -2", "' -2"),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("'tis the season", "'tis the season"),
            ("A dog = a friend", "A dog = a friend"),
            ("", ""),
        ] {
            assert_eq!(neutral(text), cell);
            assert_eq!(original(cell), text);
        }
        // What a person types with an apostrophe stays as it is typed.
        assert_eq!(original("'t Zwin in winter"), "'t Zwin in winter");
    }

    proptest! {
        #[test]
        fn the_way_there_and_back_is_exact(text in "['=+@ \t\r\n－-]{0,5}\\PC{0,8}") {
            let cell = neutral(&text);
            prop_assert_eq!(original(&cell), text.as_str());
            prop_assert!(!cell.trim_start().starts_with(SIGNS));
            prop_assert!(!cell.starts_with(['\t', '\r', '\n']));
        }
    }
}
