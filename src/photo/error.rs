//! Why an image file cannot be prepared. Every one of these is the photo's own
//! failure: trying the same bytes again cannot help.

/// What is wrong with an image file. The text says what the file is; whoever
/// reports it adds which photo it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// The file has no bytes at all.
    #[error("the image file is empty (0 bytes)")]
    Empty,
    /// More bytes than the settings allow.
    #[error("the image file has {bytes} bytes; the limit is {limit}")]
    TooManyBytes {
        /// Bytes of the file.
        bytes: u64,
        /// The most that the settings allow.
        limit: u64,
    },
    /// More pixels than the settings allow; read from the header, before any
    /// memory for them is taken.
    #[error("the image is {width}x{height} pixels; the limit is {limit} pixels in all")]
    TooManyPixels {
        /// Pixels across, as stored.
        width: u32,
        /// Pixels down, as stored.
        height: u32,
        /// The most that the settings allow, width times height.
        limit: u64,
    },
    /// More memory than the settings allow; told from the header, before it is
    /// taken.
    #[error(
        "decoding the image takes about {} MB of memory; the limit is {} MB (photo.max_memory)",
        .needed.div_ceil(1_000_000), .limit / 1_000_000
    )]
    TooMuchMemory {
        /// Bytes that it would take.
        needed: u64,
        /// The most that the settings allow.
        limit: u64,
    },
    /// The content is none of the formats that can be read, whatever the
    /// file's name says.
    #[error("the file is no image that can be read: it looks like {looks_like}")]
    UnknownFormat {
        /// What it is instead, such as `an HTML page`.
        looks_like: &'static str,
    },
    /// A sound file, of a kind that the decoder does not know: a TIFF with a
    /// palette, say.
    #[error("the image is of a kind that can't be read; save it as JPEG or PNG ({0})")]
    Unsupported(String),
    /// The file ends before the picture does.
    #[error("the image file is cut off: its end is missing")]
    CutOff,
    /// The file has an end, but what is inside is no valid picture.
    #[error("the image file is damaged: {0}")]
    Damaged(String),
    /// The decoder panicked; the panic ended here.
    #[error("the image file is damaged: it made the decoder fail unexpectedly")]
    Panicked,
}

impl PhotoError {
    /// A damage described by whatever a decoder says of it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is what `map_err` calls with the decoder's error"
    )]
    pub(super) fn damaged<T: ToString>(description: T) -> Self {
        Self::Damaged(description.to_string())
    }
}
