//! What can be wrong with settings, said to a person.

use super::reader::Origin;
use super::source::{Shown, Source};
use std::fmt;
use std::path::PathBuf;

/// Why settings can't be used. The message says what is wrong and where, and
/// [`ConfigError::hint`] what to do. Neither ever contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that the settings need is not there.
    #[error("there is no {what} at `{}`", path.display())]
    Missing {
        /// What the file is for.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What to do.
        hint: String,
    },
    /// A file is there but can't be read.
    #[error("can't read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A `.env` file has a line that is no assignment. The line itself is not
    /// shown, as it may hold a secret.
    #[error("`{}` is no list of NAME=value lines: line {line} can't be understood", path.display())]
    Dotenv {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Values in files, flags or the environment that can't be used.
    #[error("{}", listing(.0))]
    Refused(Vec<Problem>),
    /// A model that is to be used has no key.
    #[error("the model `{model}` needs a key, but {variable} is not set or empty")]
    NoKey {
        /// The model's name in `models.yaml`.
        model: String,
        /// The variable, or variables, that may hold the key.
        variable: String,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { hint, .. } => Some(hint.clone()),
            Self::Unreadable { .. } => {
                Some("check that it is a text file and that you may read it".to_owned())
            }
            Self::Dotenv { .. } => Some(
                "write one NAME=value on each line, put values with spaces or # in quotes, \
                 and start comments with #"
                    .to_owned(),
            ),
            Self::Refused(problems) => {
                let mut hints: Vec<&str> = Vec::new();
                for hint in problems
                    .iter()
                    .filter_map(|problem| problem.hint.as_deref())
                {
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                (!hints.is_empty()).then(|| hints.join("\n"))
            }
            Self::NoKey { variable, .. } => Some(format!(
                "set {variable} in the environment, or in a .env file beside the settings file"
            )),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where, if it stands in a file.
    pub spot: Option<Spot>,
}

/// A place in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The line itself with the place underlined, on several lines.
    pub snippet: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(spot) = &self.spot else {
            return f.write_str(&self.message);
        };
        write!(
            f,
            "{}, line {}, column {}: {}\n{}",
            spot.file.display(),
            spot.line,
            spot.column,
            self.message,
            spot.snippet
        )
    }
}

fn listing(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(Problem::to_string).collect();
    if texts.len() == 1 {
        return texts.concat();
    }
    format!(
        "the settings have {} problems\n\n{}",
        texts.len(),
        texts.join("\n\n")
    )
}

/// Collects what is wrong, so that a person can mend all of it at once.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
}

/// What is said about a place: sentence, words under the line, advice.
#[derive(Debug, Default)]
pub(super) struct Remark {
    message: String,
    label: String,
    hint: Option<String>,
}

impl Remark {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// Words under the shown line.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Problems {
    /// Notes what is wrong with a value, wherever it came from.
    pub(super) fn add(&mut self, origin: &Origin<'_>, remark: Remark) {
        match origin {
            Origin::File(mark) => {
                let shown = mark.source.show(&mark.place, &remark.label);
                self.push_shown(mark.source, shown, remark);
            }
            Origin::Invocation | Origin::Default => {
                // There is no line to write the words under.
                let message = if remark.label.is_empty() {
                    remark.message
                } else {
                    format!("{}; {}", remark.message, remark.label)
                };
                self.list.push(Problem {
                    message,
                    hint: remark.hint,
                    spot: None,
                });
            }
        }
    }

    /// Notes what is wrong with a file as a whole.
    pub(super) fn add_general(&mut self, remark: Remark) {
        self.add(&Origin::Default, remark);
    }

    pub(super) fn push_shown(&mut self, source: &Source, shown: Shown, remark: Remark) {
        self.list.push(Problem {
            message: remark.message,
            hint: remark.hint,
            spot: Some(Spot {
                file: source.path().to_owned(),
                line: shown.line,
                column: shown.column,
                snippet: shown.snippet,
            }),
        });
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// `Ok` if nothing was found.
    pub(super) fn into_result(self) -> Result<(), ConfigError> {
        if self.list.is_empty() {
            return Ok(());
        }
        Err(self.into_error())
    }

    /// What was found.
    pub(super) fn into_error(mut self) -> ConfigError {
        // In the order in which a person meets them when reading the files.
        self.list.sort_by_key(|problem| {
            let spot = problem.spot.as_ref();
            spot.map(|spot| (spot.file.clone(), spot.line, spot.column))
        });
        ConfigError::Refused(self.list)
    }
}
