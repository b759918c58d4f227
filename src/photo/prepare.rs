//! From the bytes of an image file to the JPEG that a model gets.

use super::guard::guarded;
use super::shrink::shrink;
use super::still::Still;
use super::{Limits, PhotoError};
use crate::archive::Jpeg;
use std::sync::Once;

/// Names how pictures are prepared. It is part of every draft's key, so it is
/// to be changed whenever the same file would come out differently.
pub const PREPARATION: &str = "1: upright, on white, catmull-rom, jpeg 85 4:2:0";

/// Makes a whole, upright JPEG without metadata, its longer edge at most
/// `long_edge` pixels, out of a JPEG, PNG, GIF (first frame), WebP (first
/// frame), TIFF (first page) or BMP file. Small pictures are not enlarged.
///
/// The format is told from the content. The limits of bytes, pixels and memory
/// are checked before memory is taken. A cut-off file is an error, never half a picture.
/// A panic of a decoder ends here, as [`PhotoError::Panicked`]; see
/// [`super::hush_decoder_panics`] for its message.
///
/// Synchronous: call it on a blocking thread.
pub fn prepare(bytes: &[u8], long_edge: u32, limits: Limits) -> Result<Jpeg, PhotoError> {
    if bytes.is_empty() {
        return Err(PhotoError::Empty);
    }
    let count = bytes.len() as u64;
    if count > limits.max_bytes {
        return Err(PhotoError::TooManyBytes {
            bytes: count,
            limit: limits.max_bytes,
        });
    }
    let long_edge = long_edge.max(1);
    keep_freed_memory();
    guarded(|| shrink(Still::read(bytes, long_edge, limits)?, long_edge))
        .unwrap_or(Err(PhotoError::Panicked))
}

/// Lets the allocator keep the buffers of one picture for the next one. glibc
/// gives every block back to the system that is larger than the largest one
/// freed so far, and half of what a thread holds; taking it again then costs a
/// page fault for each 4 KB, about a tenth of the whole work. One large block,
/// never touched, raises both limits; other allocators don't care.
fn keep_freed_memory() {
    /// The most that glibc's limit can be raised to is 32 MB.
    const BLOCK: usize = 31 << 20;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(BLOCK))));
}

#[cfg(test)]
mod tests;
