//! The texts of all photos as a table: `path`, `alt`, `source`, and whatever other
//! columns a person keeps there. Rows that don't change are copied byte for byte.

use super::file::{Found, NewRow, Row, source, word};
use crate::table::{neutral, original, separator_line};
use std::collections::HashMap;

const COLUMNS: [&str; 3] = ["path", "alt", "source"];
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
const ORDER_MARK: &str = "\u{feff}";

/// A new table: with a byte order mark, without which Excel takes it for another
/// encoding.
pub(super) fn empty() -> Vec<u8> {
    format!("{ORDER_MARK}{}\n", COLUMNS.join(",")).into_bytes()
}

/// The rows of a table.
pub(super) fn find(bytes: &[u8]) -> Result<Found, String> {
    let table = Table::read(bytes)?;
    let rows = table.records.iter().map(|record| {
        let cell = |at: Option<usize>| {
            let cell = at.and_then(|at| record.cells.get(at)).unwrap_or_default();
            original(cell)
        };
        let row = Row {
            alt: cell(Some(table.alt)).to_owned(),
            source: source(cell(table.source)),
        };
        (cell(Some(table.path)).to_owned(), row)
    });
    Ok(Found {
        rows: rows.filter(|(path, _)| !path.is_empty()).collect(),
        has_source: table.source.is_some(),
    })
}

/// The table with some rows changed or added.
pub(super) fn with(bytes: &[u8], wished: &HashMap<String, NewRow>) -> Result<Vec<u8>, String> {
    let table = Table::read(bytes)?;
    let mut new = table.text[..table.body].to_owned();
    let mut left: HashMap<&str, &NewRow> = wished
        .iter()
        .map(|(path, row)| (path.as_str(), row))
        .collect();
    for record in &table.records {
        let path = original(record.cells.get(table.path).unwrap_or_default());
        let path = path.strip_prefix("./").unwrap_or(path);
        let Some(change) = wished.get(path) else {
            new.push_str(&table.text[record.start..record.end]);
            continue;
        };
        left.remove(path);
        // Blank lines in front of a row belong to what the reader gives as its.
        let raw = &table.text[record.start..record.end];
        let blank = raw.len() - raw.trim_start_matches(['\r', '\n']).len();
        new.push_str(&raw[..blank]);
        let content = raw.trim_end_matches(['\r', '\n']);
        new.push_str(&table.line(Some(&record.cells), change)?);
        new.push_str(&raw[content.len().max(blank)..]);
    }
    let mut left: Vec<_> = left.into_values().collect();
    left.sort_by(|one, other| one.path.cmp(&other.path));
    if !left.is_empty() && !new.ends_with('\n') {
        new.push_str(table.end);
    }
    for change in left {
        new.push_str(&table.line(None, change)?);
        new.push_str(table.end);
    }
    let order_mark = bytes.len() - table.whole.len();
    Ok([&bytes[..order_mark], table.first.as_bytes(), new.as_bytes()].concat())
}

struct Table<'t> {
    /// All of it without the byte order mark.
    whole: &'t str,
    /// A first line that names the separator.
    first: &'t str,
    /// The rest.
    text: &'t str,
    separator: u8,
    /// How its lines end.
    end: &'static str,
    width: usize,
    path: usize,
    alt: usize,
    source: Option<usize>,
    /// Where the rows begin.
    body: usize,
    records: Vec<Record>,
}

struct Record {
    start: usize,
    end: usize,
    cells: ::csv::StringRecord,
}

impl<'t> Table<'t> {
    fn read(bytes: &'t [u8]) -> Result<Self, String> {
        let whole = std::str::from_utf8(bytes)
            .map_err(|_| "it is not UTF-8; save it from the spreadsheet as \"CSV UTF-8\"")?;
        let whole = whole.strip_prefix(ORDER_MARK).unwrap_or(whole);
        let (said, text, _) = separator_line(whole);
        let candidates = said.map_or_else(|| SEPARATORS.to_vec(), |said| vec![said]);
        let headers = candidates.iter().map(|separator| {
            let header = reader(text, *separator).into_records().next();
            let header = header.and_then(Result::ok).unwrap_or_default();
            let name = |cell: &str| cell.trim().to_ascii_lowercase();
            (*separator, header.iter().map(name).collect::<Vec<String>>())
        });
        let known = |header: &[String]| {
            COLUMNS
                .iter()
                .filter(|name| header.iter().any(|it| it == **name))
                .count()
        };
        let best = headers
            .max_by_key(|(separator, header)| (known(header), std::cmp::Reverse(*separator)));
        let (separator, header) = best.ok_or("it has no first line")?;
        let column = |name: &str| {
            let mut found = header.iter().enumerate().filter(|(_, it)| *it == name);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(format!("it has the column `{name}` twice")),
                (first, _) => Ok(first.map(|(at, _)| at)),
            }
        };
        let needed = |name: &str| {
            let lacks = || format!("its first line names no column `{name}`");
            column(name)?.ok_or_else(lacks)
        };
        let mut table = Self {
            whole,
            first: &whole[..whole.len() - text.len()],
            text,
            separator,
            end: if text.contains("\r\n") { "\r\n" } else { "\n" },
            width: header.len(),
            path: needed("path")?,
            alt: needed("alt")?,
            source: column("source")?,
            body: text.len(),
            records: Vec::new(),
        };
        table.records()?;
        Ok(table)
    }

    fn records(&mut self) -> Result<(), String> {
        let mut starts = Vec::new();
        for (at, record) in reader(self.text, self.separator).into_records().enumerate() {
            let record = record.map_err(|error| error.to_string())?;
            let start = record.position().map_or(0, ::csv::Position::byte) as usize;
            // The reader takes the second half of a line's end for the start of the
            // next record.
            let skipped =
                self.text[start..].starts_with('\n') && self.text[..start].ends_with('\r');
            let start = start + usize::from(skipped);
            if at == 1 {
                self.body = start;
            }
            let over = record
                .iter()
                .skip(self.width)
                .any(|cell| !cell.trim().is_empty());
            if at > 0 && over {
                let line =
                    self.text[..start].matches('\n').count() + self.first.matches('\n').count() + 1;
                return Err(format!(
                    "line {line} has {} cells under {} columns; is a quote missing?",
                    record.len(),
                    self.width
                ));
            }
            if at > 0 {
                starts.push((start, record));
            }
        }
        let mut end = self.text.len();
        for (start, cells) in starts.into_iter().rev() {
            self.records.push(Record { start, end, cells });
            end = start;
        }
        self.records.reverse();
        Ok(())
    }

    /// A row with its changed cells, without the end of its line.
    fn line(&self, cells: Option<&::csv::StringRecord>, new: &NewRow) -> Result<String, String> {
        let width = cells.map_or(0, ::csv::StringRecord::len).max(self.width);
        let line = (0..width).map(|at| {
            let old = || {
                cells
                    .and_then(|cells| cells.get(at))
                    .unwrap_or_default()
                    .to_owned()
            };
            if at == self.path && cells.is_none() {
                neutral(&new.path)
            } else if at == self.alt {
                neutral(&new.alt)
            } else if Some(at) == self.source {
                word(new.source).map_or_else(old, str::to_owned)
            } else {
                old()
            }
        });
        let mut writer = ::csv::WriterBuilder::new()
            .delimiter(self.separator)
            .from_writer(Vec::new());
        let line: Vec<String> = line.collect();
        writer
            .write_record(&line)
            .map_err(|error| error.to_string())?;
        let bytes = writer.into_inner().map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        Ok(text.trim_end_matches('\n').to_owned())
    }
}

fn reader(text: &str, separator: u8) -> ::csv::Reader<&[u8]> {
    ::csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}
