//! One upright-able picture out of any readable file: its pixels as RGB on
//! white, and how it is meant to be turned.

use super::format::{self, Format};
use super::jpeg::{self, Layout};
use super::{Limits, PhotoError, memory, png};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use std::error::Error;
use std::io::{self, Cursor};

/// A decoded picture.
pub(super) struct Still {
    /// Its pixels, as stored; already halved some times where the decoder
    /// could do that.
    pub(super) pixels: RgbImage,
    /// Width and height that the file states.
    pub(super) size: (u32, u32),
    /// How to turn it to see it as it was taken.
    pub(super) orientation: Orientation,
}

impl Still {
    /// Decodes the file, whatever its format. `long_edge` is what it will be
    /// scaled down to.
    pub(super) fn read(bytes: &[u8], long_edge: u32, limits: Limits) -> Result<Self, PhotoError> {
        match format::recognise(bytes) {
            Ok(Format::Jpeg) => Self::read_jpeg(bytes, long_edge, limits),
            Ok(Format::Png) => {
                Self::read_other(&png::without_texts(bytes), ImageFormat::Png, limits)
            }
            Ok(Format::Gif) => Self::read_other(bytes, ImageFormat::Gif, limits),
            Ok(Format::WebP) => Self::read_other(bytes, ImageFormat::WebP, limits),
            Ok(Format::Tiff) => Self::read_other(bytes, ImageFormat::Tiff, limits),
            Ok(Format::Bmp) => Self::read_other(bytes, ImageFormat::Bmp, limits),
            Err(looks_like) => Err(PhotoError::UnknownFormat { looks_like }),
        }
    }

    fn read_jpeg(bytes: &[u8], long_edge: u32, limits: Limits) -> Result<Self, PhotoError> {
        let layout = Layout::read(bytes)?;
        let size = (u32::from(layout.width), u32::from(layout.height));
        check_pixels(size, limits)?;
        check_memory(memory::of_jpeg(bytes, long_edge).unwrap_or(0), limits)?;
        Ok(Self {
            pixels: jpeg::decode(&layout, long_edge)?,
            size,
            orientation: layout
                .exif
                .and_then(Orientation::from_exif_chunk)
                .unwrap_or(Orientation::NoTransforms),
        })
    }

    fn read_other(bytes: &[u8], format: ImageFormat, limits: Limits) -> Result<Self, PhotoError> {
        let explain = |error| explain(error, bytes, format);
        let mut allowed = memory::limits(limits.max_memory);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(memory::header_limits(limits.max_memory));
        let mut decoder = reader.into_decoder().map_err(explain)?;
        let size = decoder.dimensions();
        check_pixels(size, limits)?;
        let pixels = u64::from(size.0) * u64::from(size.1);
        check_memory(
            memory::of_pixels(pixels, decoder.color_type(), format),
            limits,
        )?;
        allowed.reserve(decoder.total_bytes()).map_err(explain)?;
        decoder.set_limits(allowed).map_err(explain)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let picture = DynamicImage::from_decoder(decoder).map_err(explain)?;
        Ok(Self {
            pixels: on_white(picture),
            size,
            orientation,
        })
    }
}

fn check_pixels((width, height): (u32, u32), limits: Limits) -> Result<(), PhotoError> {
    if width == 0 || height == 0 {
        return Err(PhotoError::damaged("it states a width or height of zero"));
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(PhotoError::TooManyPixels {
            width,
            height,
            limit: limits.max_pixels,
        });
    }
    Ok(())
}

fn check_memory(needed: u64, limits: Limits) -> Result<(), PhotoError> {
    if needed <= limits.max_memory {
        return Ok(());
    }
    Err(PhotoError::TooMuchMemory {
        needed,
        limit: limits.max_memory,
    })
}

/// White is what a web page shows behind transparent parts.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    // In place: a second picture would nearly double the memory that it takes.
    let mut pixels = picture.into_raw();
    let count = pixels.len() / 4;
    for at in 0..count {
        let alpha = u32::from(pixels[4 * at + 3]);
        for channel in 0..3 {
            let colour = u32::from(pixels[4 * at + channel]);
            let mixed = (colour * alpha + 255 * (255 - alpha) + 127) / 255;
            pixels[3 * at + channel] = mixed as u8;
        }
    }
    pixels.truncate(count * 3);
    RgbImage::from_raw(width, height, pixels).expect("three bytes were made for each pixel")
}

/// Tells a file that ends early from one that is wrong inside.
fn explain(error: ImageError, bytes: &[u8], format: ImageFormat) -> PhotoError {
    if let ImageError::Unsupported(error) = &error {
        return PhotoError::Unsupported(error.to_string());
    }
    if met_the_end(&error) || lacks_its_end(bytes, format) {
        return PhotoError::CutOff;
    }
    PhotoError::damaged(error)
}

fn met_the_end(error: &ImageError) -> bool {
    let is_end = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    // As its own source, an I/O error is skipped by `ImageError`.
    if let ImageError::IoError(error) = error {
        return is_end(error);
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_end) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether the file is shorter than it says, or without the mark that its
/// format puts at the end.
fn lacks_its_end(bytes: &[u8], format: ImageFormat) -> bool {
    let stated = |at: usize| {
        bytes
            .get(at..at + 4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
    };
    match format {
        ImageFormat::Png => !bytes.windows(4).any(|four| four == b"IEND"),
        ImageFormat::Gif => bytes.last() != Some(&0x3b),
        ImageFormat::WebP => stated(4).is_none_or(|size| size.saturating_add(8) > bytes.len()),
        ImageFormat::Bmp => stated(2).is_none_or(|size| size > bytes.len()),
        _ => false,
    }
}
