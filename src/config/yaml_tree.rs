//! YAML text → tree, and the way back from a node to its line.
//!
//! The parser tells places only in errors. So a place is found by reading the
//! text once more with a reader that fails, on purpose, at the wanted node.

use super::tree::{Field, Node, Part, Place, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What the parser did not understand, and where, where it says so.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    /// Line and column, both counted from 1, the column in characters.
    pub(super) position: Option<(usize, usize)>,
}

/// Parses a whole file. Repeated names stay in the tree, side by side.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let seed = NodeSeed { steps: Vec::new() };
    seed.deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| {
            let position = error.location().map(|at| (at.line(), at.column()));
            let mut message = error.to_string();
            if let Some((line, column)) = position {
                message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
            }
            SyntaxError { message, position }
        })
}

/// Line and column of a node that [`parse`] returned.
pub(super) fn locate(text: &str, steps: &[usize], part: Part) -> Option<(usize, usize)> {
    let seed = Locate { steps, part };
    let error = seed
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .err()?;
    error.location().map(|at| (at.line(), at.column()))
}

struct NodeSeed {
    steps: Vec<usize>,
}

impl NodeSeed {
    fn child(&self, step: usize) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }

    fn node(self, value: Value) -> Node {
        let part = Part::Value;
        Node {
            place: Place::Path {
                steps: self.steps,
                part,
            },
            value,
        }
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, a list or a table")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(self.node(Value::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(self.node(Value::Whole(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        let value = i64::try_from(number).map_or(Value::Number(number as f64), Value::Whole);
        Ok(self.node(value))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(self.node(Value::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(self.node(Value::Text(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Value::Nothing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.child(items.len()))? {
            items.push(item);
        }
        Ok(self.node(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields: Vec<Field> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let seed = self.child(fields.len());
            let place = Place::Path {
                steps: seed.steps.clone(),
                part: Part::Name,
            };
            let node = map.next_value_seed(seed)?;
            fields.push(Field { name, place, node });
        }
        Ok(self.node(Value::Table(fields)))
    }
}

/// Fails at the node that the steps lead to.
struct Locate<'a> {
    steps: &'a [usize],
    part: Part,
}

/// Fails at whatever it is asked to read.
struct Here;

fn here<E: Error>() -> E {
    E::custom("here")
}

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            deserializer.deserialize_any(Here)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the tree as it was parsed")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for _ in 0..self.steps[0] {
            list.next_element::<IgnoredAny>()?;
        }
        let steps = &self.steps[1..];
        let part = self.part;
        list.next_element_seed(Locate { steps, part })?;
        Err(here())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        for _ in 0..self.steps[0] {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        let steps = &self.steps[1..];
        let part = self.part;
        if steps.is_empty() && part == Part::Name {
            map.next_key_seed(Here)?;
        } else {
            map.next_key::<IgnoredAny>()?;
            map.next_value_seed(Locate { steps, part })?;
        }
        Err(here())
    }
}

impl<'de> DeserializeSeed<'de> for Here {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Here {
    type Value = ();

    // Every `visit_` method that is not overridden fails, at the right place.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing at all")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(here())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(here())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# models\none:\n  model: a\n  list: [x, 'y']\ntwo:\n  settings:\n    top_p: 0.5\n    deep: {a: 1}\none: 3\n";

    fn place(node: &Node) -> Option<(usize, usize)> {
        match &node.place {
            Place::Path { steps, part } => locate(TEXT, steps, *part),
            Place::Bytes(_) => None,
        }
    }

    fn table(node: &Node) -> &[Field] {
        match &node.value {
            Value::Table(fields) => fields,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_node_is_found_again_at_its_line_and_column() {
        let root = parse(TEXT).expect("valid");
        let top = table(&root);
        let names = |fields: &[Field]| {
            let places = fields.iter().map(|field| match &field.place {
                Place::Path { steps, part } => locate(TEXT, steps, *part),
                Place::Bytes(_) => None,
            });
            places.collect::<Vec<_>>()
        };
        assert_eq!(names(top), [Some((2, 1)), Some((5, 1)), Some((9, 1))]);
        let one = table(&top[0].node);
        assert_eq!(names(one), [Some((3, 3)), Some((4, 3))]);
        assert_eq!(place(&one[0].node), Some((3, 10)));
        let Value::List(items) = &one[1].node.value else {
            panic!()
        };
        assert_eq!(place(&items[1]), Some((4, 13)));
        let settings = table(&table(&top[1].node)[0].node);
        assert_eq!(place(&settings[0].node), Some((7, 12)));
        let deep = table(&settings[1].node);
        assert_eq!(names(deep), [Some((8, 12))]);
        assert_eq!(place(&deep[0].node), Some((8, 15)));
        assert_eq!(place(&top[2].node), Some((9, 6)));
    }

    #[test]
    fn repeated_names_stay_visible() {
        let root = parse(TEXT).expect("valid");
        let names: Vec<_> = table(&root).iter().map(|field| &field.name).collect();
        assert_eq!(names, ["one", "two", "one"]);
    }

    #[test]
    fn a_syntax_error_says_where() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").expect_err("broken");
        assert!(error.position.is_some(), "{error:?}");
        assert!(!error.message.contains("at line 1 column 1"), "{error:?}");
    }

    #[test]
    fn an_alias_bomb_is_stopped() {
        let levels = (1..12).map(|level| {
            let alias = format!("*a{}", level - 1);
            let items = [alias.as_str(); 9].join(", ");
            format!("a{level}: &a{level} [{items}]\n")
        });
        let text = format!("a0: &a0 [x, x]\n{}", levels.collect::<String>());
        assert!(parse(&text).is_err());
    }
}
