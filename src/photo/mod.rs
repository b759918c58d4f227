//! Pure: the bytes of an image file in; an upright, small JPEG and the facts
//! in its EXIF out.
//!
//! [`prepare()`] makes what a model sees. It is synchronous and runs for tens of
//! milliseconds, so callers put it on a blocking thread. Colour profiles are
//! not applied: a caption does not depend on the difference between Display P3
//! and sRGB, and converting every phone photo would cost more than scaling it.
//!
//! [`facts()`] reads the day and the place out of the EXIF, [`embedded_xmp()`] finds
//! what other programs wrote into the file, and [`picture_mark()`] tells one picture
//! from another without it.

mod error;
mod facts;
mod format;
mod guard;
mod head;
mod jpeg;
mod memory;
mod png;
mod prepare;
mod sample;
mod shrink;
mod still;

#[cfg(test)]
mod fixtures;

pub use crate::config::PhotoLimits as Limits;
pub use error::PhotoError;
pub use facts::{Facts, Position, facts};
pub use guard::hush_decoder_panics;
pub use head::{embedded_xmp, picture_mark};
pub use memory::memory;
pub use prepare::{PREPARATION, prepare};
pub use sample::test_image;
