//! TOML text → tree.

use super::tree::{Field, Node, Place, Value};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// What the parser did not understand, and where.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) bytes: Range<usize>,
}

/// Parses a whole file, and goes on behind an error to find the next one.
pub(super) fn parse(text: &str) -> Result<Vec<Field>, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(fields(table.get_ref()));
    }
    Err(errors
        .into_iter()
        .map(|error| SyntaxError {
            message: error.message().to_owned(),
            bytes: error.span().unwrap_or(0..0),
        })
        .collect())
}

fn fields(table: &DeTable<'_>) -> Vec<Field> {
    table
        .iter()
        .map(|(name, value)| Field {
            name: name.get_ref().to_string(),
            place: Place::Bytes(name.span()),
            node: node(value),
        })
        .collect()
}

fn node(value: &toml::Spanned<DeValue<'_>>) -> Node {
    let checked = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        // Whole numbers beyond 64 bits become inexact ones, which no range takes.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Number(f64::INFINITY), Value::Whole),
        DeValue::Float(number) => Value::Number(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::List(items.iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(fields(table)),
    };
    Node {
        place: Place::Bytes(value.span()),
        value: checked,
    }
}
