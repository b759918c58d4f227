//! Keys and values as they could stand in a file, without secrets.

use super::Comes;
use crate::config::source::{Source, is_variable_name, masked};
use crate::config::tree::{Field, Place, Value};
use serde_json::Value as Json;

/// The entry at a path of names.
pub(super) fn find<'f>(mut fields: &'f [Field], key: &str) -> Option<&'f Field> {
    let mut found = None;
    for step in key.split('.') {
        let field = fields.iter().find(|field| field.name == step)?;
        found = Some(field);
        fields = match &field.node.value {
            Value::Table(inner) => inner,
            _ => &[],
        };
    }
    found.filter(|field| field.node.value != Value::Nothing)
}

pub(super) fn line(source: &Source, field: &Field) -> Comes {
    let place: &Place = &field.place;
    Comes::Line(source.path().to_owned(), source.show(place, "").line)
}

/// All values of a tree that are no tables, by their paths.
pub(super) fn leaves(at: &str, value: &Json, list: &mut Vec<(Vec<String>, Json)>) {
    fn walk(path: &mut Vec<String>, value: &Json, list: &mut Vec<(Vec<String>, Json)>) {
        match value {
            Json::Object(fields) if !fields.is_empty() => {
                for (name, field) in fields {
                    path.push(name.clone());
                    walk(path, field, list);
                    path.pop();
                }
            }
            other => list.push((path.clone(), other.clone())),
        }
    }
    walk(&mut vec![at.to_owned()], value, list);
}

/// A key as TOML and YAML want it.
pub(super) fn quoted(step: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !step.is_empty() && step.chars().all(bare) {
        step.to_owned()
    } else {
        format!("\"{}\"", step.escape_default())
    }
}

/// A value as text, without what may be a secret that somebody wrote into a file.
pub(super) fn written_as(key: &str, value: &Json) -> String {
    let name = key
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let value = match value {
        Json::Null => return "(none)".to_owned(),
        Json::String(text) if text.starts_with("(built") => return text.clone(),
        Json::String(text)
            if name.ends_with("_env") && !text.split(" or ").all(is_variable_name) =>
        {
            return "(not shown: it names no variable)".to_owned();
        }
        Json::String(text) if is_secret_name(&name) && !text.contains('{') => {
            return "(not shown)".to_owned();
        }
        value => value.to_string(),
    };
    masked(&value)
}

/// Whether what stands under such a name is better not shown.
fn is_secret_name(name: &str) -> bool {
    let telling = [
        "authorization",
        "token",
        "secret",
        "passw",
        "api_key",
        "apikey",
        "api-key",
        "cookie",
        "credential",
    ];
    let name = name.trim_matches('"');
    telling.iter().any(|part| name.contains(part))
        && !name.ends_with("_env")
        && !name.ends_with("_file")
        && !name.contains("tokens")
}
