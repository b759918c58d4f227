//! Lines that a skeleton of settings leaves to a person.

use super::error::{Problems, Remark};
use super::reader::{Mark, Origin};
use super::source::Source;
use super::tree::{Field, Node, Value};

/// What stands where something is to be filled in.
pub const TO_FILL: &str = "FILL IN";

/// Notes every value that is still to be filled in, each with its line.
pub(super) fn note(source: &Source, fields: &[Field], problems: &mut Problems) {
    table(source, "", fields, problems);
}

fn table(source: &Source, path: &str, fields: &[Field], problems: &mut Problems) {
    for field in fields {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{}", field.name);
        node(source, &path, &field.node, problems);
    }
}

fn node(source: &Source, path: &str, node_: &Node, problems: &mut Problems) {
    match &node_.value {
        Value::Text(text) if text.contains(TO_FILL) => {
            let origin = Origin::File(Mark {
                source,
                place: node_.place.clone(),
            });
            let hint = "write in place of FILL IN what the comment beside it asks for; \
                        docs/sites/README.md shows a whole description";
            let remark = Remark::new(format!("`{path}` is still to be filled in")).hint(hint);
            problems.add(&origin, remark);
        }
        Value::List(items) => items
            .iter()
            .for_each(|item| node(source, path, item, problems)),
        Value::Table(fields) => table(source, path, fields, problems),
        _ => {}
    }
}
