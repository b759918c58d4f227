//! For spreadsheets: one line a photo.

use super::facts::{Photo, Report};
use crate::table::neutral;

/// The columns, in order.
const COLUMNS: [&str; 18] = [
    "photo",
    "album",
    "title",
    "state",
    "outcome",
    "why",
    "alt_before",
    "alt_after",
    "draft",
    "model",
    "score",
    "verdict",
    "reasons",
    "decision",
    "run",
    "at",
    "link",
    "image",
];

/// The photos of a report as RFC 4180 with commas, every cell quoted, so that a
/// program that splits at another sign still sees whole cells. Cells that a
/// spreadsheet would calculate are neutralised.
pub fn report(report: &Report) -> String {
    rows(
        &COLUMNS,
        report.photos.iter().map(|photo| cells(photo).to_vec()),
    )
}

/// A header and rows of cells, separated by commas.
fn rows(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    rows_separated_by(b',', header, rows)
}

/// The same with another separator.
pub(super) fn rows_separated_by(
    separator: u8,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(Vec::new());
    let sound = "a vector takes every row, and all rows have the header's length";
    writer.write_record(header).expect(sound);
    for row in rows {
        let cells = row.iter().map(|cell| neutral(cell));
        writer.write_record(cells).expect(sound);
    }
    let bytes = writer.into_inner().expect(sound);
    let mut text = String::from_utf8(bytes).expect("cells are text");
    // Whoever prints it ends the last line.
    text.truncate(text.trim_end_matches('\n').len());
    text
}

fn cells(photo: &Photo) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        photo.id.clone(),
        photo.album.clone(),
        text(&photo.title),
        photo.state.as_str().to_owned(),
        text(&photo.outcome),
        text(&photo.why),
        text(&photo.alt_before),
        photo.alt_after.clone(),
        text(&photo.draft),
        text(&photo.model),
        photo.score.map_or_else(String::new, |it| it.to_string()),
        photo.verdict.unwrap_or_default().to_owned(),
        photo.reasons.join(" "),
        text(&photo.decision),
        photo.run.map_or_else(String::new, |it| it.to_string()),
        text(&photo.at),
        text(&photo.link),
        text(&photo.image),
    ]
}
