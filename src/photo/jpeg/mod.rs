//! JPEG files: their structure, the proof that no picture data is missing, and
//! their pixels.
//!
//! No decoder at hand can be trusted with a cut-off file. zune-jpeg (inside
//! `image`) paints the missing part grey and reports success. jpeg-decoder
//! misses the end of the file, but not scan data that ends early at a proper
//! end marker, as repair tools and some downloaders leave it. So the file is
//! taken apart first ([`layout`]), and the decoders get a clean copy in which
//! every scan is followed by bytes that no Huffman table can decode: whoever
//! runs out of data runs into an error.

mod decode;
mod layout;

pub(super) use decode::decode;
pub(super) use layout::Layout;
