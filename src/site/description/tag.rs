//! How a site says who stands behind a text.

use super::fields::Pointer;
use crate::archive::{Marking, Tag};
use serde::Deserialize;
use serde_json::Value;

/// The mapping between a field of the site and our marks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TagMap {
    /// Where the field is.
    pub(in super::super) pointer: Pointer,
    machine: Mark,
    person: Mark,
    /// What is written to take a mark away; where it is missing, a mark that was
    /// set can only be replaced by another.
    unset: Option<Value>,
    /// Whether the field says "machine" before anybody has touched it.
    #[serde(default)]
    pub(in super::super) machine_is_default: bool,
    /// Some of these sites have no such field: it counts only where a photo
    /// shows it, and is never sent elsewhere.
    #[serde(default)]
    only_where_shown: bool,
}

/// The JSON values that stand for one mark.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    write: Value,
    read: Vec<Value>,
}

/// What a change does to a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// It stays.
    Keep,
    /// It becomes this one.
    Set(Tag),
    /// It goes, where the site can take one away; otherwise it stays.
    Clear,
}

impl From<Option<Tag>> for TagChange {
    fn from(tag: Option<Tag>) -> Self {
        tag.map_or(Self::Keep, Self::Set)
    }
}

impl TagMap {
    /// The mark of an item. A value that nobody described is somebody's, and not
    /// ours: in doubt a person's.
    pub(in super::super) fn read(&self, item: &Value) -> Option<Tag> {
        let value = self.pointer.find(item)?;
        let says = |mark: &Mark| mark.read.iter().any(|known| same(known, value));
        if says(&self.machine) && !says(&self.person) {
            Some(Tag::Machine)
        } else if says(&self.person) {
            Some(Tag::Person)
        } else {
            let unset = self.unset.as_ref().is_some_and(|unset| same(unset, value));
            (!unset && !is_unset(value)).then_some(Tag::Person)
        }
    }

    /// Whether an item can hold a mark.
    pub(in super::super) fn marking(&self, item: &Value) -> Marking {
        if self.only_where_shown && !self.pointer.is_there(item) {
            Marking::Impossible
        } else {
            Marking::Possible
        }
    }

    /// The value that says so; `None` where nothing is sent.
    pub(in super::super) fn value(&self, change: TagChange) -> Option<Value> {
        match change {
            TagChange::Keep => None,
            TagChange::Set(Tag::Machine) => Some(self.machine.write.clone()),
            TagChange::Set(Tag::Person) => Some(self.person.write.clone()),
            TagChange::Clear => self.unset.clone(),
        }
    }

    /// Whether a mark can be taken away.
    pub(in super::super) fn clears(&self) -> bool {
        self.unset.is_some()
    }
}

/// What a field shows that nobody has filled; `false` is how PHP says so.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Equal as a person would say: 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Option<Tag> {
        let map = json!({
            "pointer": "/source",
            "machine": {"write": "ai", "read": ["ai", 0]},
            "person": {"write": "human", "read": ["human", 1]},
            "unset": "nobody",
        });
        let map: TagMap = serde_json::from_value(map).expect("a mapping");
        map.read(&json!({ "source": value }))
    }

    #[test]
    fn a_value_that_nobody_described_is_in_doubt_a_persons() {
        for machine in [json!("ai"), json!(0), json!(0.0)] {
            assert_eq!(read(&machine), Some(Tag::Machine), "{machine}");
        }
        for unset in [
            json!(null),
            json!(""),
            json!(" "),
            json!(false),
            json!([]),
            json!({}),
            json!("nobody"),
        ] {
            assert_eq!(read(&unset), None, "{unset}");
        }
        for person in [
            json!("human"),
            json!(1),
            json!("Human"),
            json!("human "),
            json!(2),
            json!(-1),
            json!(true),
            json!("yes"),
            json!([1]),
            json!({"v": 1}),
            json!("2026-11-21"),
        ] {
            assert_eq!(read(&person), Some(Tag::Person), "{person}");
        }
    }
}
