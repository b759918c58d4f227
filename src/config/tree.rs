//! A settings file as a tree of values that know where they stand.
//!
//! Both formats become the same tree, so that one reader checks both, finds
//! all problems of a file at once, and can show the line of each.

use std::ops::Range;

/// Where something stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Byte range, as the TOML parser gives it.
    Bytes(Range<usize>),
    /// Positions of children from the root down. The YAML parser gives places
    /// only with errors, so this one is looked up when it is needed.
    Path {
        /// The positions: of an entry in a table, or of an item in a list.
        steps: Vec<usize>,
        /// Whether the entry's name or its value is meant.
        part: Part,
    },
}

/// One half of a table's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The name.
    Name,
    /// What it is set to.
    Value,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// An entry of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    /// Where the name stands.
    pub(super) place: Place,
    pub(super) node: Node,
}

/// What both formats can say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// YAML's null: the same as an absent key.
    Nothing,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Field>),
    /// A TOML date or time, which no setting is.
    Date,
}

impl Value {
    /// What it is, for a sentence such as "must be text, not a list".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Flag(_) => "true or false",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Date => "a date",
        }
    }

    /// The same value as JSON; `None` where JSON has no such thing (dates,
    /// infinite numbers).
    pub(super) fn to_json(&self) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        Some(match self {
            Self::Nothing => Json::Null,
            Self::Flag(flag) => Json::from(*flag),
            Self::Whole(number) => Json::from(*number),
            Self::Number(number) => Json::Number(serde_json::Number::from_f64(*number)?),
            Self::Text(text) => Json::from(text.as_str()),
            Self::List(items) => items
                .iter()
                .map(|item| item.value.to_json())
                .collect::<Option<Vec<_>>>()?
                .into(),
            Self::Table(fields) => fields
                .iter()
                .map(|field| Some((field.name.clone(), field.node.value.to_json()?)))
                .collect::<Option<serde_json::Map<_, _>>>()?
                .into(),
            Self::Date => return None,
        })
    }
}
