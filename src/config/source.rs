//! The text of a settings file, and how a line of it is shown to a person.

use super::tree::{Field, Node, Place, Value};
use super::{toml_tree, yaml_tree};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use regex::{Captures, Regex};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A settings file that has been read.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
}

/// What is shown of a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The line itself, with the place underlined.
    pub(super) snippet: String,
}

impl Source {
    pub(super) fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_owned(),
            text,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the text as TOML.
    pub(super) fn toml(&self) -> Result<Vec<Field>, Vec<toml_tree::SyntaxError>> {
        toml_tree::parse(&self.text)
    }

    /// Reads the text as YAML.
    pub(super) fn yaml(&self) -> Result<Node, yaml_tree::SyntaxError> {
        // An empty file has no document at all, which the parser calls an error.
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if self.text.lines().all(blank) {
            let place = Place::Bytes(0..0);
            let value = Value::Nothing;
            return Ok(Node { place, value });
        }
        yaml_tree::parse(&self.text)
    }

    /// Shows a place, with `label` under it.
    pub(super) fn show(&self, place: &Place, label: &str) -> Shown {
        let bytes = match place {
            Place::Bytes(bytes) => bytes.clone(),
            Place::Path { steps, part } => {
                let position = yaml_tree::locate(&self.text, steps, *part);
                let start = position.map_or(0, |(line, column)| self.offset(line, column));
                start..token_end(&self.text, start)
            }
        };
        self.show_bytes(bytes, label)
    }

    /// Shows the place at a line and a column, both counted from 1.
    pub(super) fn show_position(&self, line: usize, column: usize, label: &str) -> Shown {
        let start = self.offset(line, column);
        self.show_bytes(start..token_end(&self.text, start), label)
    }

    fn show_bytes(&self, bytes: Range<usize>, label: &str) -> Shown {
        let start = bytes.start.min(self.text.len());
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let full = self.text[line_start..].lines().next().unwrap_or_default();
        let shown = without_secrets(full);
        // What is masked, or goes on in the next line, is longer than the line.
        let mut from = (start - line_start).min(shown.len());
        let mut to = (bytes.end.max(start) - line_start).min(shown.len());
        if shown != full {
            from = floor_boundary(&shown, from);
            to = floor_boundary(&shown, to);
        }
        let mark = AnnotationKind::Primary.span(from..to.max(from));
        let mark = if label.is_empty() {
            mark
        } else {
            mark.label(label.to_owned())
        };
        let snippet = Snippet::source(shown.as_str())
            .line_start(line)
            .annotation(mark);
        let group = Group::with_level(Level::ERROR).element(snippet);
        let snippet = Renderer::plain().term_width(80).render(&[group]);
        Shown {
            line,
            column,
            snippet: without_arrow(&snippet),
        }
    }

    fn offset(&self, line: usize, column: usize) -> usize {
        let mut start = 0;
        for text in self.text.split_inclusive('\n').take(line.max(1) - 1) {
            start += text.len();
        }
        let rest = &self.text[start..];
        let inside = rest.char_indices().nth(column.max(1) - 1);
        start + inside.map_or(rest.len(), |(index, _)| index)
    }
}

fn floor_boundary(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// Drops the line with the position, which the sentence above already names.
fn without_arrow(snippet: &str) -> String {
    let kept = snippet
        .lines()
        .filter(|line| !line.trim_start().starts_with("-->"));
    kept.map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Where the YAML word, number or quoted text that starts here ends; at most
/// at the end of its line.
fn token_end(text: &str, start: usize) -> usize {
    let line = text[start..].lines().next().unwrap_or_default();
    let mut characters = line.char_indices();
    let first = characters.next().map(|(_, c)| c);
    let length = match first {
        None => 0,
        Some(quote @ ('"' | '\'')) => characters
            .find(|(_, c)| *c == quote)
            .map_or(line.len(), |(index, c)| index + c.len_utf8()),
        Some(_) => {
            let ends = [": ", " #", ", ", "]", "}"];
            let end = ends.iter().filter_map(|end| line.find(end)).min();
            let word = &line[..end.unwrap_or(line.len())];
            word.trim_end().trim_end_matches(':').len()
        }
    };
    start + length
}

/// Hides what may be a secret that somebody wrote into the file instead of the
/// environment: error messages end up in logs and mails.
fn without_secrets(line: &str) -> String {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?i)(?P<name>[\w.-]*(?:token|secret|passw|api_?key|auth|credential)[\w.-]*)(?P<sign>["']?\s*[=:]\s*)(?P<value>"{3}.*|'{3}.*|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}#]+(?: [^\s,}#]+)*)"#,
        )
        .expect("the expression is valid")
    });
    static USERINFO: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"://[^/\s"']*@"#).expect("the expression is valid"));
    // A query is where some services take their key.
    static QUERY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?P<address>://[^\s"'?]*\?)[^\s"']+"#).expect("the expression is valid")
    });
    let line = USERINFO.replace_all(line, "://***@");
    let line = QUERY.replace_all(&line, "${address}***");
    let masked = NAMED.replace_all(&line, |found: &Captures<'_>| {
        let value = found["value"].trim_matches(['"', '\'']);
        if harmless(&found["name"], value) {
            found[0].to_owned()
        } else {
            format!("{}{}***", &found["name"], &found["sign"])
        }
    });
    masked.into_owned()
}

fn harmless(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let counts = name.contains("tokens");
    let file = name.ends_with("_file");
    // A secret pasted in place of its variable's name does not look like one.
    counts || file || (name.ends_with("_env") && is_variable_name(value))
}

/// Whether a text is shaped like the usual name of an environment variable:
/// capitals, digits and underscores.
pub(super) fn is_variable_name(text: &str) -> bool {
    let shape = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(shape) && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_with_its_place_underlined() {
        let text = "# top\n[site]\nbase_urll = \"x\"\n".to_owned();
        let source = Source::new(Path::new("pipeline.toml"), text);
        let shown = source.show(&Place::Bytes(13..22), "did you mean `base_url`?");
        assert_eq!((shown.line, shown.column), (3, 1));
        assert_eq!(
            shown.snippet,
            "  |\n3 | base_urll = \"x\"\n  | ^^^^^^^^^ did you mean `base_url`?"
        );
    }

    #[test]
    fn secrets_in_a_line_are_hidden() {
        for (line, expected) in [
            ("token = \"s3cr3t\"", "token = ***"),
            ("  api_key: sk-abc def # x", "  api_key: *** # x"),
            ("token_env = \"hunter2 x\"", "token_env = ***"),
            ("token_env = \"SITE_TOKEN\"", "token_env = \"SITE_TOKEN\""),
            ("token_file = \"a.txt\"", "token_file = \"a.txt\""),
            ("max_tokens: 300", "max_tokens: 300"),
            ("token = \"\"\"a\"b\"\"\"", "token = ***"),
            ("token = \'\'\'a\'b\'\'\'", "token = ***"),
            (r#"token = "a\"b""#, "token = ***"),
            (
                "base_url = \"https://me:pw@example.org\"",
                "base_url = \"https://***@example.org\"",
            ),
            (
                "base_url: https://h/v1?key=abc&x=1 # y",
                "base_url: https://h/v1?*** # y",
            ),
            (
                "site = { token = 'x y', a = 1 }",
                "site = { token = ***, a = 1 }",
            ),
        ] {
            assert_eq!(without_secrets(line), expected);
        }
    }

    #[test]
    fn places_outside_the_text_do_no_harm() {
        let source = Source::new(Path::new("x"), "a = \"ü\"".to_owned());
        for (line, column) in [(1, 1), (1, 99), (9, 9)] {
            source.show_position(line, column, "");
        }
        source.show(&Place::Bytes(500..600), "");
        let masked = Source::new(Path::new("x"), "token = \"üüüüü\" # é".to_owned());
        for start in [0, 9, 11, 20] {
            masked.show(&Place::Bytes(start..22), "");
        }
    }

    #[test]
    fn the_underlined_word_ends_where_the_value_ends() {
        for (line, start, expected) in [
            ("model: llava:13b # x", 0, "model"),
            ("model: llava:13b # x", 7, "llava:13b"),
            ("name:", 0, "name"),
            ("a: [one, two]", 4, "one"),
            ("a: 'it: is'", 3, "'it: is'"),
        ] {
            assert_eq!(&line[start..token_end(line, start)], expected);
        }
    }
}
