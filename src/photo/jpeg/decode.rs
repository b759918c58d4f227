//! The pixels of a JPEG file, by the fastest decoder that fits.

use super::layout::{Colour, Layout};
use crate::photo::PhotoError;
use image::RgbImage;
use jpeg_decoder::ColorTransform;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Decodes the picture to RGB, at full size, or at 1/2, 1/4 or 1/8 of it where
/// its longer edge then still has `long_edge` pixels: halving inside the
/// decoder is cheaper than decoding everything and throwing it away.
///
/// At full size zune-jpeg takes about three quarters of the time of
/// jpeg-decoder, but it can't halve, and its strict mode gives up on multiple
/// scans and on restart markers that jpeg-decoder checks properly.
pub(in crate::photo) fn decode(
    layout: &Layout<'_>,
    long_edge: u32,
) -> Result<RgbImage, PhotoError> {
    let longer = u32::from(layout.width.max(layout.height));
    let plain = matches!(layout.colour, Colour::Grey | Colour::YCbCr);
    if layout.simple
        && plain
        && u64::from(longer) < 2 * u64::from(long_edge)
        && let Some(picture) = whole(layout)
    {
        return Ok(picture);
    }
    // Unusual subsampling is refused by zune-jpeg, so this decoder has the last
    // word on what is damaged.
    scaled(layout, long_edge)
}

/// Full size, with zune-jpeg.
fn whole(layout: &Layout<'_>) -> Option<RgbImage> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(layout.width))
        .set_max_height(usize::from(layout.height))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder =
        zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&layout.stream), options);
    let pixels = decoder.decode().ok()?;
    RgbImage::from_raw(u32::from(layout.width), u32::from(layout.height), pixels)
}

/// Scaled down while decoding, with jpeg-decoder.
fn scaled(layout: &Layout<'_>, long_edge: u32) -> Result<RgbImage, PhotoError> {
    let mut decoder = jpeg_decoder::Decoder::new(layout.stream.as_slice());
    decoder.set_color_transform(match layout.colour {
        Colour::Grey => ColorTransform::Grayscale,
        Colour::YCbCr => ColorTransform::YCbCr,
        Colour::Rgb => ColorTransform::RGB,
        Colour::Cmyk { .. } => ColorTransform::CMYK,
        Colour::Ycck => ColorTransform::YCCK,
    });
    // The decoder stops at the first edge that is long enough, so only the
    // longer one may ask for anything; the other asks for the impossible.
    let wanted = u16::try_from(long_edge).unwrap_or(u16::MAX);
    let (width, height) = if layout.width >= layout.height {
        decoder.scale(wanted, u16::MAX)
    } else {
        decoder.scale(u16::MAX, wanted)
    }
    .map_err(PhotoError::damaged)?;
    let samples = decoder.decode().map_err(PhotoError::damaged)?;
    let pixels = match layout.colour {
        Colour::YCbCr | Colour::Rgb => samples,
        Colour::Grey => samples.iter().flat_map(|grey| [*grey; 3]).collect(),
        Colour::Ycck => inks_to_rgb(&samples, false),
        Colour::Cmyk { inverted } => inks_to_rgb(&samples, !inverted),
    };
    RgbImage::from_raw(u32::from(width), u32::from(height), pixels)
        .ok_or_else(|| PhotoError::damaged("its decoded size differs from its header"))
}

/// Turns inks into light: each colour is what its ink and black let through.
/// jpeg-decoder takes all inks for inverted ones, so where they aren't, `undo`
/// turns them back.
fn inks_to_rgb(samples: &[u8], undo: bool) -> Vec<u8> {
    let light = |ink: u8| u32::from(if undo { ink } else { 255 - ink });
    samples
        .chunks_exact(4)
        .flat_map(|inks| {
            let black = light(inks[3]);
            [0, 1, 2].map(|n| ((light(inks[n]) * black + 127) / 255) as u8)
        })
        .collect()
}
