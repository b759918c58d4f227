//! Drafts as a table that a person edits in a spreadsheet, and that table read
//! back: whatever a spreadsheet makes of separators, line ends and formulas.

use super::csv;
use super::links::Links;
use crate::archive::DraftId;
use crate::checkpoint::{Decision, OpenDraft, Refusal, Ruling};
use crate::table::{original, separator_line};

/// The columns, the ones that a person works with first.
const COLUMNS: [&str; 14] = [
    "decision", "photo", "text", "alt_now", "title", "album", "verdict", "reasons", "model",
    "score", "link", "image", "draft", "check",
];

/// The columns without which nothing can be decided.
const NEEDED: [&str; 5] = ["decision", "photo", "text", "draft", "check"];

/// What separates cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// As RFC 4180 has it.
    Comma,
    /// As spreadsheets have it where a comma separates decimals.
    Semicolon,
    /// As text exports have it.
    Tab,
}

impl Separator {
    const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// The drafts as a table: UTF-8 with a byte order mark, without which Excel takes
/// it for another encoding.
pub fn write(drafts: &[OpenDraft], links: &Links, separator: Separator) -> String {
    let rows = drafts.iter().map(|draft| {
        let found = links.of(&draft.photo, draft.image.as_deref());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let reasons: Vec<String> = draft.reasons.iter().map(ToString::to_string).collect();
        vec![
            String::new(),
            draft.photo.to_string(),
            draft.text.clone(),
            draft.alt.clone(),
            text(&draft.title),
            text(&draft.album),
            draft.verdict.as_str().to_owned(),
            reasons.join("; "),
            text(&draft.model),
            draft.score.map_or_else(String::new, |it| it.to_string()),
            text(&found.link),
            text(&found.image),
            draft.id.0.to_string(),
            draft.fingerprint(),
        ]
    });
    let table = csv::rows_separated_by(separator.byte(), &COLUMNS, rows);
    format!("\u{feff}{table}")
}

/// A table as it was read: what can be decided about, and what can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The rows, in their order.
    pub rulings: Vec<Ruling>,
    /// Rows that say nothing clear.
    pub refused: Vec<Refusal>,
}

/// Why a file is no such table at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// The bytes are no text that can be read.
    #[error("line {0} is not UTF-8")]
    Encoding(u64),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Columns are not there.
    #[error("line {line} lacks the {}", columns(.missing))]
    Columns {
        /// The line of the header.
        line: u64,
        /// The names.
        missing: Vec<&'static str>,
    },
    /// Quotes that don't match, or the like.
    #[error("{0}")]
    Syntax(String),
}

impl SheetError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "save it from the spreadsheet as \"CSV UTF-8\"",
            Self::Empty | Self::Columns { .. } => {
                "give a table that `altfill export` wrote, with its first line; columns may be \
                 moved, and others added"
            }
            Self::Syntax(_) => "save it from the spreadsheet as CSV again",
        }
    }
}

fn columns(missing: &[&str]) -> String {
    let quoted: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let noun = if missing.len() == 1 {
        "column"
    } else {
        "columns"
    };
    format!("{noun} {}", quoted.join(", "))
}

/// Reads a table that a person edited.
pub fn read(bytes: &[u8]) -> Result<Sheet, SheetError> {
    let text = decode(bytes)?;
    let (said, text, skipped) = separator_line(&text);
    if text.trim().is_empty() {
        return Err(SheetError::Empty);
    }
    let candidates = said.map_or_else(
        || Separator::ALL.map(Separator::byte).to_vec(),
        |it| vec![it],
    );
    let mut best: Option<(u8, Vec<&'static str>)> = None;
    for byte in candidates {
        let missing = missing_columns(&header(text, byte)?);
        if best
            .as_ref()
            .is_none_or(|(_, least)| missing.len() < least.len())
        {
            best = Some((byte, missing));
        }
    }
    let (byte, missing) = best.expect("there is a separator to try");
    if !missing.is_empty() {
        let line = skipped + 1;
        return Err(SheetError::Columns { line, missing });
    }
    rows(text, byte, skipped)
}

/// UTF-8 with or without a byte order mark, or UTF-16 with one, which Excel calls
/// "Unicode text".
fn decode(bytes: &[u8]) -> Result<String, SheetError> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = rest.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        String::from_utf16(&units.collect::<Vec<_>>()).map_err(|_| SheetError::Encoding(1))
    };
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return wide(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return wide(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let lines = before.matches('\n').count();
            Err(SheetError::Encoding(lines as u64 + 1))
        }
    }
}

fn reader(text: &str, byte: u8) -> ::csv::Reader<&[u8]> {
    ::csv::ReaderBuilder::new()
        .delimiter(byte)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

fn syntax(error: &::csv::Error) -> SheetError {
    SheetError::Syntax(error.to_string())
}

/// The names in the first line, as they are compared.
fn header(text: &str, byte: u8) -> Result<Vec<String>, SheetError> {
    let first = reader(text, byte).into_records().next();
    let Some(first) = first.transpose().map_err(|error| syntax(&error))? else {
        return Ok(Vec::new());
    };
    let name = |cell: &str| cell.trim().to_ascii_lowercase();
    Ok(first.iter().map(name).collect())
}

fn missing_columns(header: &[String]) -> Vec<&'static str> {
    let lacks = |name: &&'static str| !header.iter().any(|column| column == *name);
    NEEDED.into_iter().filter(lacks).collect()
}

fn rows(text: &str, byte: u8, skipped: u64) -> Result<Sheet, SheetError> {
    let header = header(text, byte)?;
    let mut sheet = Sheet::default();
    let mut lines = Lines {
        text,
        byte: 0,
        line: skipped + 1,
    };
    for row in reader(text, byte).into_records().skip(1) {
        let row = row.map_err(|error| syntax(&error))?;
        let start = row.position().map_or(0, ::csv::Position::byte);
        let line = lines.at(usize::try_from(start).unwrap_or(text.len()));
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if row
            .iter()
            .skip(header.len())
            .any(|cell| !cell.trim().is_empty())
        {
            let why = format!(
                "there are {} cells under {} columns; is a quote missing?",
                row.len(),
                header.len()
            );
            sheet.refused.push(Refusal { line, why });
            continue;
        }
        let cell = |name: &str| {
            let at = header.iter().position(|column| column == name);
            at.and_then(|at| row.get(at)).map_or("", original)
        };
        match ruling(line, cell) {
            Ok(ruling) => sheet.rulings.push(ruling),
            Err(why) => sheet.refused.push(Refusal { line, why }),
        }
    }
    Ok(sheet)
}

/// Counts lines. The reader's own count is one too low where lines end as on
/// Windows: it takes the second half of a line's end for the next record's start.
struct Lines<'t> {
    text: &'t str,
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first cell at or after this place; places come in order.
    fn at(&mut self, byte: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let blank = bytes[byte..].iter().take_while(|byte| ends(byte)).count();
        let passed = &bytes[self.byte..byte + blank];
        self.line += passed
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        self.byte = byte + blank;
        self.line
    }
}

fn ruling<'a>(line: u64, cell: impl Fn(&str) -> &'a str) -> Result<Ruling, String> {
    let number = cell("draft").trim();
    let Ok(draft) = number.parse() else {
        return Err(format!(
            "the column `draft` says \"{number}\", which is no number"
        ));
    };
    let text = cell("text").to_owned();
    let word = cell("decision").trim().to_lowercase();
    let decision = match word.as_str() {
        "" => Decision::Open(text),
        "accept" | "accepted" => Decision::Accept(text),
        "edit" | "edited" => Decision::Edit(text),
        "reject" | "rejected" => Decision::Reject,
        _ => {
            return Err(format!(
                "unknown decision \"{word}\"; known are accept, edit and reject"
            ));
        }
    };
    Ok(Ruling {
        line,
        draft: DraftId(draft),
        photo: cell("photo").to_owned(),
        fingerprint: cell("check").trim().to_owned(),
        decision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{PhotoId, Verdict};
    use proptest::prelude::*;

    fn draft(text: &str) -> OpenDraft {
        OpenDraft {
            id: DraftId(7),
            photo: PhotoId::new("=a/b"),
            album: None,
            image: None,
            title: Some("@home; \"quoted\", and\nmore".into()),
            alt: "-1".into(),
            text: text.to_owned(),
            model: None,
            verdict: Verdict::Hold,
            reasons: Vec::new(),
            score: Some(0.5),
        }
    }

    fn text_of(sheet: &Sheet) -> &str {
        match &sheet.rulings[0].decision {
            Decision::Open(text) | Decision::Accept(text) | Decision::Edit(text) => text,
            Decision::Reject => "",
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_exactly(text in "['=+@\",; \t\r\n-]{0,4}\\PC{0,20}") {
            for separator in Separator::ALL {
                let table = write(&[draft(&text)], &Links::default(), separator);
                let sheet = read(table.as_bytes()).expect("our own table");
                prop_assert_eq!(&sheet.refused, &Vec::new());
                prop_assert_eq!(text_of(&sheet), text.as_str());
                prop_assert_eq!(sheet.rulings[0].photo.as_str(), "=a/b");
                prop_assert_eq!(&sheet.rulings[0].fingerprint, &draft(&text).fingerprint());
            }
        }
    }

    #[test]
    fn a_table_may_come_back_in_every_way_that_spreadsheets_save_it() {
        let plain = "decision,photo,text,draft,check,mine\nEdit,a/b,New.,7,x1,note\n\n,,,,,\n";
        let expected = read(plain.as_bytes()).expect("a table");
        assert_eq!(expected.rulings.len(), 1);
        assert_eq!(expected.rulings[0].line, 2);
        assert_eq!(expected.rulings[0].decision, Decision::Edit("New.".into()));
        for other in [
            plain.replace(',', ";"),
            plain.replace(',', "\t"),
            plain.replace('\n', "\r\n"),
        ] {
            assert_eq!(read(other.as_bytes()).as_ref(), Ok(&expected), "{other:?}");
            assert_eq!(
                read(format!("\u{feff}{other}").as_bytes()).as_ref(),
                Ok(&expected)
            );
            let mut wide = vec![0xff, 0xfe];
            wide.extend(other.encode_utf16().flat_map(u16::to_le_bytes));
            assert_eq!(read(&wide).as_ref(), Ok(&expected));
        }
        let said = read(format!("sep=;\n{}", plain.replace(',', ";")).as_bytes()).expect("a table");
        assert_eq!(said.rulings[0].line, 3);
        let moved = "check;TEXT;draft;photo; decision \nx1;New.;7;a/b;edit";
        assert_eq!(
            read(moved.as_bytes()).expect("a table").rulings,
            expected.rulings
        );
    }

    #[test]
    fn what_is_no_such_table_is_said_with_the_line() {
        assert_eq!(read(b""), Err(SheetError::Empty));
        assert_eq!(read(b"\xef\xbb\xbf \n"), Err(SheetError::Empty));
        assert_eq!(read(b"a,b\nc,\xe9"), Err(SheetError::Encoding(2)));
        let error = read(b"photo;decision;text\na/b;edit;x").expect_err("columns are missing");
        assert_eq!(
            error.to_string(),
            "line 1 lacks the columns `draft`, `check`"
        );
        let header = "decision,photo,text,draft,check\n";
        for (row, word) in [
            ("yes,a/b,x,7,x1", "unknown decision \"yes\""),
            ("edit,a/b,x,seven,x1", "no number"),
            ("edit,a/b,one, two,7,x1", "is a quote missing"),
        ] {
            let sheet = read(format!("{header}{row}\n").as_bytes()).expect("a table");
            assert_eq!(sheet.rulings, Vec::new(), "{row}");
            assert_eq!(sheet.refused[0].line, 2);
            assert!(sheet.refused[0].why.contains(word), "{:?}", sheet.refused);
        }
    }
}
