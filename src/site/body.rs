//! Body templates: JSON whose strings are templates, and the ways a body is put
//! into bytes.
//!
//! A string that is one variable and nothing else becomes the value itself,
//! whatever its type; `{/a/b}` becomes what the photo just read has at that JSON
//! pointer.

use super::address::{Encoding, Template};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// What a body template uses.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Variables that stand alone.
    pub(super) variables: Vec<String>,
    /// Pointers into what was just read.
    pub(super) pointers: Vec<String>,
}

/// What stands for a string of a body template.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf<'a> {
    /// A variable.
    Variable(&'a str),
    /// A pointer into what was just read.
    Read(&'a str),
}

/// Checks a body template: strings may use `parts`, and `values` where they
/// stand alone.
pub(super) fn check(
    node: &Value,
    parts: &[&str],
    values: &[&str],
    uses: &mut Uses,
) -> Result<(), String> {
    match node {
        Value::Array(items) => items
            .iter()
            .try_for_each(|node| check(node, parts, values, uses)),
        Value::Object(fields) => fields
            .values()
            .try_for_each(|node| check(node, parts, values, uses)),
        Value::String(text) => {
            if let Some(pointer) = read_pointer(text) {
                uses.pointers.push(pointer.to_owned());
                return Ok(());
            }
            let template = Template::try_from(text.clone())?;
            let Some(name) = template.only_variable() else {
                // Our own values stand alone: the site gets them as they are.
                return template.check(parts);
            };
            uses.variables.push(name.to_owned());
            template.check(&[parts, values].concat())
        }
        _ => Ok(()),
    }
}

/// Whether a body template uses a variable anywhere.
pub(super) fn uses(node: &Value, variable: &str) -> bool {
    match node {
        Value::Array(items) => items.iter().any(|node| uses(node, variable)),
        Value::Object(fields) => fields.values().any(|node| uses(node, variable)),
        Value::String(text) => {
            Template::try_from(text.clone()).is_ok_and(|template| template.uses(variable))
        }
        _ => false,
    }
}

/// Where a body template has a variable that stands alone, as JSON pointers.
pub(super) fn places(node: &Value, variable: &str) -> Vec<String> {
    let step = |name: &str, node: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        let below = places(node, variable);
        below.into_iter().map(move |rest| format!("/{name}{rest}"))
    };
    match node {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(n, node)| step(&n.to_string(), node).collect::<Vec<_>>())
                .collect()
        }
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, node)| step(name, node).collect::<Vec<_>>())
            .collect(),
        Value::String(text) => {
            let template = Template::try_from(text.clone());
            let alone = template.is_ok_and(|t| t.only_variable() == Some(variable));
            if alone {
                vec![String::new()]
            } else {
                Vec::new()
            }
        }
        _ => Vec::new(),
    }
}

/// The pointer of a string such as `{/data/id}`.
fn read_pointer(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    (inner.starts_with('/') && !inner.contains(['{', '}'])).then_some(inner)
}

/// Fills a body template in. What has no value disappears, and with it any
/// object that it leaves empty.
pub(super) fn fill(node: &Value, value: &impl Fn(Leaf<'_>) -> Option<Value>) -> Option<Value> {
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
            if let Some(pointer) = read_pointer(text) {
                return value(Leaf::Read(pointer));
            }
            let template =
                Template::try_from(text.clone()).expect("the body was checked when it was parsed");
            if let Some(name) = template.only_variable() {
                return value(Leaf::Variable(name));
            }
            let text_of = |name: &str| match value(Leaf::Variable(name)) {
                Some(Value::String(text)) => Some(text),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            };
            Some(Value::String(template.render(Encoding::Plain, text_of)))
        }
        other => Some(other.clone()),
    }
}

/// A body as it is sent: its bytes and its media type. Besides JSON there are
/// the two forms of HTML: a field for each key, whose value is JSON where it is
/// no plain text.
pub(super) fn encode(body: &Value, content_type: Option<&str>) -> (String, String) {
    let kind = content_type.unwrap_or("application/json");
    let fields = || {
        let fields = body.as_object().into_iter().flatten();
        fields.map(|(name, value)| match value {
            Value::String(text) => (name.as_str(), text.clone()),
            other => (name.as_str(), other.to_string()),
        })
    };
    match kind {
        "application/x-www-form-urlencoded" => {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let pairs: Vec<String> = fields()
                .map(|(name, text)| format!("{}={}", encode(name), encode(&text)))
                .collect();
            (pairs.join("&"), kind.to_owned())
        }
        "multipart/form-data" => {
            let content = body.to_string();
            let boundary = format!(
                "altfill-{}",
                &blake3::hash(content.as_bytes()).to_hex()[..24]
            );
            let mut text = String::new();
            for (name, value) in fields() {
                let name = name.replace(['"', '\r', '\n'], "_");
                text.extend([
                    "--",
                    &boundary,
                    "\r\ncontent-disposition: form-data; name=\"",
                    &name,
                    "\"\r\n\r\n",
                    &value,
                    "\r\n",
                ]);
            }
            text.extend(["--", &boundary, "--\r\n"]);
            (text, format!("{kind}; boundary={boundary}"))
        }
        other => (body.to_string(), other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_read_can_be_sent_back() {
        let template = json!({"id": "{id}", "file": {"id": "{/file/id}", "alt": "{alt}"}});
        let mut uses = Uses::default();
        check(&template, &["id"], &["alt"], &mut uses).unwrap();
        assert_eq!(uses.pointers, ["/file/id"]);
        assert_eq!(uses.variables, ["id", "alt"]);
        let filled = fill(&template, &|leaf| match leaf {
            Leaf::Variable("id") => Some(json!("7")),
            Leaf::Read("/file/id") => Some(json!(42)),
            _ => None,
        });
        assert_eq!(filled, Some(json!({"id": "7", "file": {"id": 42}})));
    }

    #[test]
    fn doubled_braces_are_braces() {
        let query = json!({"query": "mutation($alt: String) {{ save(alt: $alt) {{ id }} }}",
            "variables": {"alt": "{alt}"}});
        check(&query, &[], &["alt"], &mut Uses::default()).unwrap();
        let filled = fill(&query, &|_| Some(json!("A {lake}"))).unwrap();
        assert_eq!(
            filled,
            json!({"query": "mutation($alt: String) { save(alt: $alt) { id } }",
                "variables": {"alt": "A {lake}"}})
        );
    }

    #[test]
    fn forms_carry_what_json_says() {
        let body = json!({"fileInfo": {"alternativeText": "A \"lake\""}, "ref": "x&y"});
        let (text, kind) = encode(&body, Some("application/x-www-form-urlencoded"));
        assert_eq!(kind, "application/x-www-form-urlencoded");
        assert!(text.ends_with("&ref=x%26y"), "{text}");
        let (text, kind) = encode(&body, Some("multipart/form-data"));
        let boundary = kind.split("boundary=").nth(1).unwrap();
        assert_eq!(text.matches(boundary).count(), 3);
        assert!(
            text.contains("name=\"fileInfo\"\r\n\r\n{\"alternativeText\":\"A \\\"lake\\\"\"}\r\n"),
            "{text}"
        );
        let (text, kind) = encode(&body, Some("application/vnd.api+json"));
        assert_eq!(
            (text, kind.as_str()),
            (body.to_string(), "application/vnd.api+json")
        );
    }
}
