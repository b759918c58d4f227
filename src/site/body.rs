//! Body templates: JSON whose strings are templates.

use super::address::{Encoding, Template};
use serde_json::{Map, Value};

/// Checks the variables in a body template and notes which it uses as values.
pub(super) fn check(node: &Value, parts: &[&str], used: &mut Vec<String>) -> Result<(), String> {
    let descend = |node| check(node, parts, used);
    match node {
        Value::Array(items) => items.iter().try_for_each(descend),
        Value::Object(fields) => fields.values().try_for_each(descend),
        Value::String(text) => {
            let template = Template::try_from(text.clone())?;
            let Some(name) = template.only_variable() else {
                // Our own values stand alone: the site gets them as they are.
                return template.check(parts);
            };
            used.push(name.to_owned());
            template.check(&[parts, &["alt", "tag"]].concat())
        }
        _ => Ok(()),
    }
}

/// Fills a body template in. What has no value disappears, and with it any
/// object that it leaves empty.
pub(super) fn fill(node: &Value, value: &impl Fn(&str) -> Option<Value>) -> Option<Value> {
    match node {
        Value::Object(fields) => {
            let filled: Map<String, Value> = fields
                .iter()
                .filter_map(|(key, field)| Some((key.clone(), fill(field, value)?)))
                .collect();
            (!filled.is_empty() || fields.is_empty()).then_some(Value::Object(filled))
        }
        Value::Array(items) => Some(Value::Array(
            items.iter().filter_map(|item| fill(item, value)).collect(),
        )),
        Value::String(text) => {
            let template =
                Template::try_from(text.clone()).expect("the body was checked when it was parsed");
            if let Some(name) = template.only_variable() {
                return value(name);
            }
            let text_of = |name: &str| match value(name) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            };
            Some(Value::String(template.render(Encoding::Plain, text_of)))
        }
        other => Some(other.clone()),
    }
}
