//! Chance that replays: what happens to a request depends on the seed and on
//! what the request is, never on which thread came first.

use fastrand::Rng;

/// The chance of one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// All chance of one seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The chance of one thing: the same for the same words and number.
    pub(crate) fn roll(self, what: &str, whose: &str, nth: u64) -> Rng {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.0.to_le_bytes());
        hash.update(&(what.len() as u64).to_le_bytes());
        hash.update(what.as_bytes());
        hash.update(whose.as_bytes());
        hash.update(&nth.to_le_bytes());
        let bytes = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&bytes.as_bytes()[..8]);
        Rng::with_seed(u64::from_le_bytes(first))
    }
}

/// What is often wanted of chance.
pub(crate) trait Chance {
    /// True with this probability.
    fn happens(&mut self, probability: f64) -> bool;

    /// One of these.
    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T;
}

impl Chance for Rng {
    fn happens(&mut self, probability: f64) -> bool {
        self.f64() < probability
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.usize(..all.len())]
    }
}
