//! Hashes that say whether a text is up to date and whether a draft may be
//! used again.

use super::photo::text_newtype;
use std::fmt;

/// How a text was made: model, settings, prompt, language and context policy,
/// but nothing of the photo. Two texts with one recipe are equally up to date.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipe(String);
text_newtype!(Recipe);

/// Everything one call depends on: the fetched bytes, the preparation, model,
/// settings and the final prompt. A draft is used again only under its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftKey(String);
text_newtype!(DraftKey);

/// Hashes named parts into a short hexadecimal text. Names and lengths are
/// hashed too, so that no two different lists of parts can collide by joining.
#[derive(Debug)]
pub struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// Starts a hash for one purpose; different purposes never collide.
    pub fn new(purpose: &str) -> Self {
        Self(blake3::Hasher::new()).part("purpose", purpose.as_bytes())
    }

    /// Adds one named part.
    #[must_use]
    pub fn part(mut self, name: &str, value: &[u8]) -> Self {
        for piece in [name.as_bytes(), value] {
            self.0.update(&(piece.len() as u64).to_le_bytes());
            self.0.update(piece);
        }
        self
    }

    /// The first 32 hexadecimal digits (128 bits) of the hash.
    pub fn finish(self) -> String {
        self.0.finalize().to_hex()[..32].to_owned()
    }
}
