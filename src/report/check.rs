//! What a check found: for a person at a terminal of 80 columns, and as JSON.
//! Every line says in a word how it stands; what to do stands beneath it.

use super::wrap::{COLUMNS, wrap};
use serde_json::json;
use std::fmt::Write as _;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// As it should.
    Ok,
    /// Nothing is there, or nothing can be known; that may be right.
    Nothing,
    /// It works and is probably not meant, or will fail later.
    Warning,
    /// It does not work.
    Problem,
}

impl Sign {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Nothing => "--",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    fn json(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            other => other.word(),
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub key: String,
    /// How it stands.
    pub sign: Sign,
    /// What was found, in a sentence.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Line {
    /// A line without advice.
    pub fn new(key: impl Into<String>, sign: Sign, text: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            sign,
            text: text.into(),
            advice: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Lines that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What they are about.
    pub name: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Lines with this sign, over all parts.
pub fn count(parts: &[Part], sign: Sign) -> usize {
    let lines = parts.iter().flat_map(|part| &part.lines);
    lines.filter(|line| line.sign == sign).count()
}

/// Columns of the sign, the space behind it included.
const SIGN: usize = 9;

/// The widest key that stands in a column; a longer one has a line of its own.
const WIDEST_KEY: usize = 20;

/// A part as lines of text, its name first.
pub fn text(part: &Part) -> String {
    let mut text = format!("{}\n", part.name);
    let keys = part.lines.iter().map(|line| line.key.chars().count());
    let width = keys
        .filter(|length| *length <= WIDEST_KEY)
        .max()
        .unwrap_or(0);
    let indent = SIGN + width + 2;
    for line in &part.lines {
        let _ = write!(text, "{:SIGN$}{:width$}  ", line.sign.word(), line.key);
        if line.key.chars().count() > width {
            let _ = write!(text, "\n{:indent$}", "");
        }
        let gap = format!("\n{:indent$}", "");
        text.push_str(&wrap(&line.text, COLUMNS - indent).join(&gap));
        for advice in line.advice.iter().flat_map(|advice| advice.lines()) {
            let lines = wrap(advice, COLUMNS - indent - 3);
            for (at, line) in lines.iter().enumerate() {
                let sign = if at == 0 { "-> " } else { "   " };
                let _ = write!(text, "{gap}{sign}{line}");
            }
        }
        text.push('\n');
    }
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// All parts as one JSON object.
pub fn json(parts: &[Part]) -> String {
    let checks = parts.iter().flat_map(|part| {
        part.lines.iter().map(|line| {
            json!({
                "part": part.name.to_lowercase(),
                "check": line.key,
                "result": line.sign.json(),
                "text": line.text,
                "advice": line.advice,
            })
        })
    });
    let problems = count(parts, Sign::Problem);
    json!({
        "ok": problems == 0,
        "problems": problems,
        "warnings": count(parts, Sign::Warning),
        "checks": checks.collect::<Vec<_>>(),
    })
    .to_string()
}

/// A size in bytes as a person would say it.
pub fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} bytes"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let number = bytes as f64 / unit;
    let digits = usize::from(number < 10.0);
    format!("{number:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        let long = "the folder is there and can be written, and its disk has much space left";
        Part {
            name: "State",
            lines: vec![
                Line::new("file", Sign::Ok, long),
                Line::new("rights", Sign::Warning, "others may read it").advice("chmod 600 x"),
                Line::new("a-key-that-is-far-too-long", Sign::Problem, "no"),
            ],
        }
    }

    #[test]
    fn every_line_says_how_it_stands_and_fits() {
        let text = text(&part());
        assert!(
            text.lines().all(|line| line.chars().count() <= COLUMNS),
            "{text}"
        );
        assert_eq!(
            text,
            "State\n\
             ok       file    the folder is there and can be written, and its disk has much\n\
             \x20                space left\n\
             warning  rights  others may read it\n\
             \x20                -> chmod 600 x\n\
             problem  a-key-that-is-far-too-long\n\
             \x20                no"
        );
    }

    #[test]
    fn the_json_counts_what_is_to_be_mended() {
        let value: serde_json::Value = serde_json::from_str(&json(&[part()])).unwrap();
        assert_eq!(value["ok"], false);
        assert_eq!(
            (&value["problems"], &value["warnings"]),
            (&1.into(), &1.into())
        );
        assert_eq!(value["checks"][1]["advice"], "chmod 600 x");
    }
}
