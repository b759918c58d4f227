//! Pure: the text of a model in, a cleaned caption and a verdict out.
//!
//! `clean` takes the packaging off, `checks` look for what must not be
//! published, `lexicon` holds their words in each language, and [`assess()`] puts
//! them together. In doubt a caption is held: a person looks at it, and a bad
//! text that nobody sees until it is read aloud is worse.

mod assess;
mod checks;
mod clean;
mod lexicon;
mod words;

pub use assess::{Asked, assess};
