//! What a campaign adds up to.

use std::collections::BTreeMap;
use std::fmt;

/// A promise that was broken, and by which seed.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// The seed.
    pub(crate) seed: u64,
    /// Which promise.
    pub(crate) promise: String,
    /// What happened.
    pub(crate) what: String,
    /// How to see it again.
    pub(crate) replay: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VIOLATION seed {}: promise \"{}\"\n  {}\n  replay: {}",
            self.seed, self.promise, self.what, self.replay
        )
    }
}

/// Sums and maxima by name, in the order of the names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Things that are counted.
    pub(crate) sums: BTreeMap<String, u64>,
    /// Things whose largest value is kept.
    pub(crate) most: BTreeMap<String, u64>,
    /// Faults by kind.
    pub(crate) faults: BTreeMap<String, u64>,
}

impl Figures {
    /// Counts.
    pub(crate) fn add(&mut self, name: &str, number: u64) {
        *self.sums.entry(name.to_owned()).or_default() += number;
    }

    /// Keeps the largest.
    pub(crate) fn at_most(&mut self, name: &str, number: u64) {
        let most = self.most.entry(name.to_owned()).or_default();
        *most = number.max(*most);
    }

    /// Counts a fault.
    pub(crate) fn fault(&mut self, kind: &str, number: u64) {
        *self.faults.entry(kind.to_owned()).or_default() += number;
    }

    /// Takes others in.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (name, number) in &other.sums {
            self.add(name, *number);
        }
        for (name, number) in &other.most {
            self.at_most(name, *number);
        }
        for (kind, number) in &other.faults {
            self.fault(kind, *number);
        }
    }

    /// One line for each figure, to be read again by [`Figures::parse`].
    pub(crate) fn lines(&self) -> String {
        let mut text = String::new();
        let parts = [
            ("sum", &self.sums),
            ("most", &self.most),
            ("fault", &self.faults),
        ];
        for (kind, numbers) in parts {
            for (name, number) in numbers {
                text.extend([kind, "\t", &number.to_string(), "\t", name, "\n"]);
            }
        }
        text
    }

    /// The inverse of [`Figures::lines`]; other lines are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let mut figures = Self::default();
        for line in text.lines() {
            let mut parts = line.splitn(3, '\t');
            let (Some(kind), Some(number), Some(name)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match kind {
                "sum" => figures.add(name, number),
                "most" => figures.at_most(name, number),
                "fault" => figures.fault(name, number),
                _ => {}
            }
        }
        figures
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in self.sums.iter().chain(&self.most) {
            writeln!(f, "{number:>10}  {name}")?;
        }
        let mut places: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for (kind, number) in &self.faults {
            let place = kind.split(':').next().unwrap_or(kind);
            let entry = places.entry(place).or_default();
            entry.0 += number;
            entry.1 += 1;
        }
        for (place, (number, kinds)) in places {
            writeln!(f, "{number:>10}  faults \"{place}\", of {kinds} kinds")?;
        }
        Ok(())
    }
}
