//! The memory that decoding a file takes, told from its header before any of it
//! is taken. A few hundred bytes can state a picture of gigabytes.

use super::format::{self, Format};
use super::guard::guarded;
use super::png;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader};
use std::io::Cursor;

/// About how many bytes [`super::prepare()`] takes for a file, the file itself
/// aside. Zero where the header can't be read: the decoder will say why.
pub fn memory(bytes: &[u8], long_edge: u32, most: u64) -> u64 {
    let told = guarded(|| match format::recognise(bytes) {
        Ok(Format::Jpeg) => of_jpeg(bytes, long_edge),
        Ok(Format::Png) => other(&png::header(bytes), ImageFormat::Png, most),
        Ok(Format::Gif) => other(bytes, ImageFormat::Gif, most),
        Ok(Format::WebP) => other(bytes, ImageFormat::WebP, most),
        Ok(Format::Tiff) => other(bytes, ImageFormat::Tiff, most),
        Ok(Format::Bmp) => other(bytes, ImageFormat::Bmp, most),
        Err(_) => None,
    });
    told.flatten().unwrap_or(0)
}

/// What a colour profile and the like may take once they are unpacked; they are
/// not even looked at.
const METADATA: u64 = 16 << 20;

/// Limits while a header is read.
pub(super) fn header_limits(most: u64) -> image::Limits {
    limits(most.min(METADATA))
}

/// Limits for `image`'s decoders, which count their own buffers only.
pub(super) fn limits(most: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(most);
    limits
}

fn other(bytes: &[u8], format: ImageFormat, most: u64) -> Option<u64> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // A compressed colour profile is a bomb as well as any.
    reader.limits(header_limits(most));
    let decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    Some(of_pixels(pixels, decoder.color_type(), format))
}

/// What is stored, what the decoder keeps beside it, and the conversion to RGB.
pub(super) fn of_pixels(pixels: u64, colour: ColorType, format: ImageFormat) -> u64 {
    let stored = u64::from(colour.bytes_per_pixel());
    let own = match format {
        // The picture under the frame, and the frame's indices.
        ImageFormat::Gif => 5,
        // Planes of brightness and colour, and the frame of a moving picture.
        ImageFormat::WebP => 4,
        // A strip may be the whole picture.
        ImageFormat::Tiff => stored,
        _ => 0,
    };
    // RGB stays where it is, and RGBA loses its fourth byte in place.
    let converted = match colour {
        ColorType::Rgb8 | ColorType::Rgba8 => 0,
        colour if colour.has_alpha() => 4,
        _ => 3,
    };
    pixels.saturating_mul(stored + own + converted)
}

/// A JPEG is scaled down while it is decoded, unless it is progressive: then all
/// of its coefficients are kept until the last scan.
pub(super) fn of_jpeg(bytes: &[u8], long_edge: u32) -> Option<u64> {
    let long_edge = u64::from(long_edge.max(1));
    let frame = frame(bytes)?;
    let pixels = frame.width * frame.height;
    let longer = frame.width.max(frame.height);
    let halvings = [8, 4, 2].into_iter().find(|by| longer / by >= long_edge);
    let scaled = pixels / halvings.map_or(1, |by| by * by);
    let coefficients = if frame.progressive {
        // Two bytes for each sample of each component.
        frame.samples * 2
    } else {
        0
    };
    // Planes, pixels, and a copy while they are resized.
    Some(coefficients.saturating_add(scaled.saturating_mul(3 * frame.components.max(3))))
}

/// What a frame header states.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    progressive: bool,
    width: u64,
    height: u64,
    components: u64,
    /// Of all components together.
    samples: u64,
}

/// Finds the first frame header (T.81, annex B.2.2).
fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut at = 2;
    loop {
        while *bytes.get(at)? != 0xff {
            at += 1;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            // Fill bytes, and marks without a segment.
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            0xc0..=0xc3 => return header(marker, bytes.get(at + 4..)?),
            0xd9 | 0xda => return None,
            _ => {
                let length = u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]);
                at += 2 + usize::from(length);
            }
        }
    }
}

fn header(marker: u8, bytes: &[u8]) -> Option<Frame> {
    let two = |at: usize| {
        let pair = [*bytes.get(at)?, *bytes.get(at + 1)?];
        Some(u64::from(u16::from_be_bytes(pair)))
    };
    let (height, width) = (two(1)?, two(3)?);
    let components = usize::from(*bytes.get(5)?);
    let factors: Option<Vec<(u64, u64)>> = (0..components)
        .map(|n| {
            let factor = *bytes.get(7 + 3 * n)?;
            Some((u64::from(factor >> 4), u64::from(factor & 15)))
        })
        .collect();
    let factors = factors?;
    let across = factors.iter().map(|factor| factor.0).max()?.max(1);
    let down = factors.iter().map(|factor| factor.1).max()?.max(1);
    let samples = factors
        .iter()
        .map(|(h, v)| (width * h).div_ceil(across) * (height * v).div_ceil(down))
        .sum();
    Some(Frame {
        progressive: marker == 0xc2,
        width,
        height,
        components: components as u64,
        samples,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, Style};
    use super::*;

    /// A frame header after a comment, as it stands in a file.
    fn stated(marker: u8, (width, height): (u16, u16), factors: &[u8]) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8, 0xff, 0xfe, 0, 4, b'h', b'i', 0xff, 0xff, marker];
        file.extend((8 + 3 * factors.len() as u16).to_be_bytes());
        file.push(8);
        file.extend(height.to_be_bytes());
        file.extend(width.to_be_bytes());
        file.push(factors.len() as u8);
        for (n, factor) in factors.iter().enumerate() {
            file.extend([n as u8 + 1, *factor, 0]);
        }
        file
    }

    const MOST: u64 = 200_000_000;

    #[test]
    fn a_header_alone_tells_what_a_jpeg_takes() {
        let large = stated(0xc0, (10_000, 10_000), &[0x22, 0x11, 0x11]);
        assert!(memory(&large, 1024, MOST) < 20_000_000, "it is scaled");
        let progressive = stated(0xc2, (10_000, 10_000), &[0x22, 0x11, 0x11]);
        assert!(memory(&progressive, 1024, MOST) >= 300_000_000);
        let whole = stated(0xc2, (10_000, 10_000), &[0x11, 0x11, 0x11]);
        assert!(memory(&whole, 1024, MOST) >= 600_000_000);
        assert_eq!(memory(&large[..20], 1024, MOST), 0);
    }

    #[test]
    fn all_kinds_of_jpeg_have_a_header_that_is_found() {
        let picture = fixtures::corners(64, 48);
        for style in Style::ALL {
            let found = frame(&fixtures::jpeg(&picture, style));
            let found = found.unwrap_or_else(|| panic!("{style:?}"));
            assert_eq!((found.width, found.height), (64, 48), "{style:?}");
            let progressive = style == Style::Progressive;
            assert_eq!(found.progressive, progressive, "{style:?}");
        }
    }

    #[test]
    fn conversions_and_decoders_count_too() {
        for (colour, format, per_pixel) in [
            (ColorType::Rgb8, ImageFormat::Png, 3),
            (ColorType::Rgba8, ImageFormat::Png, 4),
            (ColorType::L8, ImageFormat::Png, 4),
            (ColorType::Rgba16, ImageFormat::Png, 12),
            (ColorType::Rgba8, ImageFormat::Gif, 9),
            (ColorType::Rgb8, ImageFormat::Tiff, 6),
        ] {
            let told = of_pixels(1000, colour, format);
            assert_eq!(told, 1000 * per_pixel, "{colour:?} {format:?}");
        }
    }
}
