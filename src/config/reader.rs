//! Reads typed values out of a tree, and notes what does not fit.
//!
//! A [`Table`] remembers which keys it was asked for: what is left over is
//! unknown. So the list of known keys can't differ from what is really read.

use super::error::{Problems, Remark};
use super::quantities;
use super::source::Source;
use super::tree::{Field, Node, Place, Value};
use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

/// A place in one of the files.
#[derive(Clone, Debug)]
pub(super) struct Mark<'a> {
    pub(super) source: &'a Source,
    pub(super) place: Place,
}

/// Where a value came from.
#[derive(Clone, Debug)]
pub(super) enum Origin<'a> {
    /// A flag of the command line or an environment variable.
    Invocation,
    /// A settings file.
    File(Mark<'a>),
    /// Nobody said anything.
    Default,
}

/// A value, what it is called where it was set, and where that was.
#[derive(Clone, Debug)]
pub(super) struct Given<'a, T> {
    pub(super) value: T,
    pub(super) name: String,
    pub(super) origin: Origin<'a>,
}

impl<'a, T> Given<'a, T> {
    /// A value of a flag (`--model`) or an environment variable.
    pub(super) fn invocation(name: &str, value: T) -> Self {
        Self {
            value,
            name: name.to_owned(),
            origin: Origin::Invocation,
        }
    }

    /// The same place with another value.
    pub(super) fn with<U>(&self, value: U) -> Given<'a, U> {
        Given {
            value,
            name: self.name.clone(),
            origin: self.origin.clone(),
        }
    }

    /// Notes that the value can't be used: "`site.timeout` must be …".
    pub(super) fn refuse(&self, problems: &mut Problems, what: impl Display) {
        self.remark(problems, Remark::new(format!("{} {what}", self.title())));
    }

    /// Notes a remark at this place.
    pub(super) fn remark(&self, problems: &mut Problems, remark: Remark) {
        problems.add(&self.origin, remark);
    }

    /// The name as it stands in a sentence.
    pub(super) fn title(&self) -> String {
        match self.origin {
            Origin::File(_) => format!("`{}`", self.name),
            _ => self.name.clone(),
        }
    }
}

impl<T: PartialOrd> Given<'_, T> {
    /// The value, if it lies in the range; `shown` writes the bounds.
    pub(super) fn within(
        self,
        (min, max): (T, T),
        shown: impl Fn(&T) -> String,
        problems: &mut Problems,
    ) -> Option<T> {
        if self.value >= min && self.value <= max {
            return Some(self.value);
        }
        let what = format!("must be between {} and {}", shown(&min), shown(&max));
        self.refuse(problems, what);
        None
    }
}

/// An entry of a table whose names are free.
pub(super) struct Entry<'a> {
    pub(super) name: Given<'a, &'a str>,
    pub(super) value: Given<'a, &'a Value>,
}

/// One table of a settings file.
pub(super) struct Table<'a> {
    source: &'a Source,
    /// `site`, or empty at the top of the file.
    name: String,
    fields: &'a [Field],
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(source: &'a Source, name: impl Into<String>, fields: &'a [Field]) -> Self {
        Self {
            source,
            name: name.into(),
            fields,
            asked: RefCell::new(Vec::new()),
        }
    }

    /// The keys that it was asked for so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> Vec<&'static str> {
        self.asked.borrow().clone()
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn mark(&self, place: &Place) -> Origin<'a> {
        Origin::File(Mark {
            source: self.source,
            place: place.clone(),
        })
    }

    fn given<T>(&self, key: &str, node: &Node, value: T) -> Given<'a, T> {
        Given {
            value,
            name: self.path(key),
            origin: self.mark(&node.place),
        }
    }

    /// The value of a key as it stands; null counts as absent.
    pub(super) fn node(&self, key: &'static str) -> Option<Given<'a, &'a Value>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        drop(asked);
        let field = self.fields.iter().find(|field| field.name == key)?;
        match &field.node.value {
            Value::Nothing => None,
            value => Some(self.given(key, &field.node, value)),
        }
    }

    /// Text that is not blank.
    pub(super) fn text(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Given<'a, String>> {
        let given = self.node(key)?;
        text(&given, problems)
    }

    /// `true` or `false`.
    pub(super) fn flag(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Given<'a, bool>> {
        let given = self.node(key)?;
        if let Value::Flag(flag) = given.value {
            return Some(given.with(*flag));
        }
        expected(&given, "true or false", problems);
        None
    }

    /// A whole number that is not negative.
    pub(super) fn whole(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Given<'a, u64>> {
        let given = self.node(key)?;
        if let Value::Whole(number) = given.value
            && let Ok(number) = u64::try_from(*number)
        {
            return Some(given.with(number));
        }
        if matches!(given.value, Value::Whole(_)) {
            given.refuse(problems, "must not be negative");
        } else {
            expected(&given, "a whole number", problems);
        }
        None
    }

    /// A list of whole numbers that are not negative.
    pub(super) fn wholes(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Given<'a, u64>>> {
        let given = self.node(key)?;
        let Value::List(items) = given.value else {
            expected(&given, "a list of whole numbers", problems);
            return None;
        };
        let numbers = items.iter().filter_map(|item| {
            let item = self.given(key, item, &item.value);
            if let Value::Whole(number) = item.value
                && let Ok(number) = u64::try_from(*number)
            {
                return Some(item.with(number));
            }
            expected(&item, "a list of whole numbers", problems);
            None
        });
        Some(numbers.collect())
    }

    /// Any finite number.
    pub(super) fn number(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Given<'a, f64>> {
        let given = self.node(key)?;
        match given.value {
            Value::Whole(number) => return Some(given.with(*number as f64)),
            Value::Number(number) if number.is_finite() => return Some(given.with(*number)),
            Value::Number(_) => given.refuse(problems, "must be a finite number"),
            _ => expected(&given, "a number", problems),
        }
        None
    }

    /// A duration such as `"30s"`.
    pub(super) fn duration(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Given<'a, Duration>> {
        let given = self.node(key)?;
        if let Value::Whole(number) = given.value {
            let what = format!("has no unit; write it like \"{number}s\"");
            given.refuse(problems, what);
            return None;
        }
        let text = text(&given, problems)?;
        match quantities::duration(&text.value) {
            Ok(duration) => Some(given.with(duration)),
            Err(what) => {
                given.remark(problems, Remark::new(format!("{}: {what}", given.title())));
                None
            }
        }
    }

    /// A size: a whole number of bytes, or text such as `"64MB"`.
    pub(super) fn size(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Given<'a, u64>> {
        let given = self.node(key)?;
        if !matches!(given.value, Value::Text(_)) {
            return self.whole(key, problems);
        }
        let text = text(&given, problems)?;
        match quantities::size(&text.value) {
            Ok(bytes) => Some(given.with(bytes)),
            Err(what) => {
                given.remark(problems, Remark::new(format!("{}: {what}", given.title())));
                None
            }
        }
    }

    /// A list of texts that are not blank.
    pub(super) fn texts(
        &self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Given<'a, String>>> {
        let given = self.node(key)?;
        let Value::List(items) = given.value else {
            expected(&given, "a list of texts", problems);
            return None;
        };
        let items = items
            .iter()
            .filter_map(|item| text(&self.given(key, item, &item.value), problems));
        Some(items.collect())
    }

    /// A table inside this one; an empty one where the key is absent.
    pub(super) fn table(&self, key: &'static str, problems: &mut Problems) -> Table<'a> {
        let empty = || Table::new(self.source, self.path(key), &[]);
        let Some(given) = self.node(key) else {
            return empty();
        };
        if let Value::Table(fields) = given.value {
            Table::new(self.source, self.path(key), fields)
        } else {
            expected(&given, "a table", problems);
            empty()
        }
    }

    /// Every entry, for tables whose names are free. Each name once.
    pub(super) fn entries(&self, problems: &mut Problems) -> Vec<Entry<'a>> {
        self.refuse_repeated(problems);
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for field in self.fields {
            let known = entries.iter().any(|entry| entry.name.value == field.name);
            if !known && field.name != MERGE {
                let name = Given {
                    value: field.name.as_str(),
                    name: self.path(&field.name),
                    origin: self.mark(&field.place),
                };
                let value = self.given(&field.name, &field.node, &field.node.value);
                entries.push(Entry { name, value });
            }
        }
        entries
    }

    /// Refuses all keys that nobody asked for. `advice` may know better than
    /// the nearest name what was meant.
    pub(super) fn done(&self, problems: &mut Problems, advice: impl Fn(&str) -> Option<String>) {
        self.refuse_repeated(problems);
        let asked = self.asked.borrow();
        for field in self.fields {
            if asked.contains(&field.name.as_str()) || field.name == MERGE {
                continue;
            }
            let within = if self.name.is_empty() {
                String::new()
            } else {
                format!(" in `{}`", self.name)
            };
            let label = advice(&field.name)
                .or_else(|| did_you_mean(&field.name, asked.iter().copied()))
                .unwrap_or_default();
            let remark = Remark::new(format!("unknown key `{}`{within}", field.name))
                .label(label)
                .hint(format!("the known keys{within} are: {}", asked.join(", ")));
            problems.add(&self.mark(&field.place), remark);
        }
    }

    fn refuse_repeated(&self, problems: &mut Problems) {
        for (index, field) in self.fields.iter().enumerate() {
            let remark = if field.name == MERGE {
                Remark::new("YAML's merge key `<<` is not supported")
                    .hint("write the shared lines out in each entry")
            } else if self.fields[..index].iter().any(|f| f.name == field.name) {
                Remark::new(format!("`{}` is there twice", self.path(&field.name)))
                    .label("the second one")
                    .hint("keep one of the two, or give one another name")
            } else {
                continue;
            };
            problems.add(&self.mark(&field.place), remark);
        }
    }
}

const MERGE: &str = "<<";

/// The text of a value, if it is text and not blank.
pub(super) fn text<'a>(
    given: &Given<'a, &'a Value>,
    problems: &mut Problems,
) -> Option<Given<'a, String>> {
    match given.value {
        Value::Text(text) if text.trim().is_empty() => {
            let remark = Remark::new(format!("{} is empty", given.title()))
                .hint("write something between the quotes, or remove the line");
            given.remark(problems, remark);
            None
        }
        Value::Text(text) => Some(given.with(text.clone())),
        Value::Whole(_) | Value::Number(_) | Value::Flag(_) => {
            let message = format!("{} must be text, not {}", given.title(), given.value.kind());
            let remark = Remark::new(message).label("put it in quotes");
            given.remark(problems, remark);
            None
        }
        _ => {
            expected(given, "text", problems);
            None
        }
    }
}

/// Notes that a value has the wrong type.
pub(super) fn expected(given: &Given<'_, &Value>, what: &str, problems: &mut Problems) {
    given.refuse(
        problems,
        format!("must be {what}, not {}", given.value.kind()),
    );
}

/// "did you mean `x`?" for the nearest name, if one is near.
pub(super) fn did_you_mean<'n>(
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}

fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '.', ' '], "_");
    let name = plain(name);
    let scored = known.into_iter().map(|candidate| {
        let score = strsim::jaro_winkler(&name, &plain(candidate));
        (score, candidate)
    });
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    // Below this, suggestions have little in common with what was typed.
    (best.0 >= 0.8).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = [
            "base_url",
            "token_env",
            "requests_per_second",
            "qwen2.5vl-7b",
        ];
        for (typed, expected) in [
            ("baseurl", Some("base_url")),
            ("base-url", Some("base_url")),
            ("Token_Env", Some("token_env")),
            ("request_per_second", Some("requests_per_second")),
            ("qwen2.5-vl-7b", Some("qwen2.5vl-7b")),
            ("colour", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}
