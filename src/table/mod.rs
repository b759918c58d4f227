//! Pure: tables that people open in a spreadsheet: what keeps a cell from being
//! calculated, and a first line that names the separator.

mod cell;

pub use cell::{neutral, original};

/// Excel's own first line `sep=;`, which names the separator: that sign, the text
/// after the line, and how many lines it took.
pub fn separator_line(text: &str) -> (Option<u8>, &str, u64) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let first = first.trim().trim_matches('"').to_ascii_lowercase();
    match first.strip_prefix("sep=").map(str::as_bytes) {
        Some([byte]) => (Some(*byte), rest, 1),
        _ => (None, text, 0),
    }
}
