//! Pure: XMP packets, as sidecars and image files hold them. What one says of a
//! photo, and a change of its alt text made in place, so that every other byte
//! stays as it was.
//!
//! Nothing is expanded: a packet with a document type declaration is refused,
//! and so is one that XML forbids. Written from the XMP specification (ISO 16684-1,
//! part 1) and the IPTC Photo Metadata Standard.

mod choose;
mod edit;
mod error;
mod found;
mod names;
mod packet;
mod scan;

pub use edit::{Edited, MarkWish, Wish, edit, fresh};
pub use error::XmpError;
pub use packet::{Mark, Packet, digest, legal};

/// Bytes of a packet at most. Editing histories of raw developers are the largest
/// that is known in the wild, some megabytes.
pub const LARGEST: u64 = 16 * 1024 * 1024;
