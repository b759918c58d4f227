//! Sets of seeds, kept as ranges: a campaign of a hundred thousand would else
//! write more about what it did than about what it found.

use std::collections::BTreeMap;
use std::fmt;

/// Seeds; neighbours are one range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seeds(BTreeMap<u64, u64>);

impl Seeds {
    /// Whether this one is among them.
    pub(crate) fn contains(&self, seed: u64) -> bool {
        let before = self.0.range(..=seed).next_back();
        before.is_some_and(|(_, end)| seed < *end)
    }

    /// Adds one.
    pub(crate) fn insert(&mut self, seed: u64) {
        if self.contains(seed) {
            return;
        }
        let after = self.0.remove(&(seed + 1));
        let end = after.unwrap_or(seed + 1);
        match self.0.range_mut(..seed).next_back() {
            Some((_, before)) if *before == seed => *before = end,
            _ => drop(self.0.insert(seed, end)),
        }
    }

    /// The inverse of its display; what is no range is passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let range = |word: &str| {
            let (from, to) = word.split_once("..").unwrap_or((word, ""));
            let from: u64 = from.parse().ok()?;
            let to = to.parse().unwrap_or(from + 1);
            (from < to).then_some((from, to))
        };
        Self(text.split_whitespace().filter_map(range).collect())
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (from, to)) in self.0.iter().enumerate() {
            let space = if number > 0 { " " } else { "" };
            write!(f, "{space}{from}..{to}")?;
        }
        Ok(())
    }
}
