//! Image files for this room's tests, made on the spot.

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use image::codecs::gif::GifEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, Frame, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::io::Cursor;

pub(super) const RED: [u8; 3] = [220, 30, 30];
pub(super) const GREEN: [u8; 3] = [30, 170, 40];
pub(super) const BLUE: [u8; 3] = [30, 40, 220];
pub(super) const WHITE: [u8; 3] = [255, 255, 255];

/// A colour for each quarter: red and green above, blue and white below.
pub(super) fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => WHITE,
        })
    })
}

/// Busy like a photo: gradients with a fixed pattern of noise, so that every
/// block has data in the file and no part looks like another.
pub(super) fn busy(width: u32, height: u32) -> RgbImage {
    let mut seed = 0x2545_f491_u32;
    RgbImage::from_fn(width, height, |x, y| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        let noise = seed % 48;
        Rgb([
            (x * 200 / width + noise) as u8,
            (y * 200 / height + noise) as u8,
            ((x + y) * 200 / (width + height) + noise) as u8,
        ])
    })
}

/// How a JPEG is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Baseline,
    Subsampled,
    Progressive,
    /// One scan for each component.
    Separate,
    Restarts,
    Grey,
    Cmyk,
    Ycck,
}

impl Style {
    pub(super) const ALL: [Self; 8] = [
        Self::Baseline,
        Self::Subsampled,
        Self::Progressive,
        Self::Separate,
        Self::Restarts,
        Self::Grey,
        Self::Cmyk,
        Self::Ycck,
    ];
}

/// Inks that give the picture's colours, without any black.
fn inks(picture: &RgbImage) -> Vec<u8> {
    picture
        .pixels()
        .flat_map(|Rgb([r, g, b])| [255 - r, 255 - g, 255 - b, 0])
        .collect()
}

pub(super) fn jpeg(picture: &RgbImage, style: Style) -> Vec<u8> {
    jpeg_with(picture, style, |_| ())
}

fn jpeg_with(
    picture: &RgbImage,
    style: Style,
    more: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(match style {
        Style::Subsampled | Style::Progressive => SamplingFactor::F_2_2,
        _ => SamplingFactor::F_1_1,
    });
    encoder.set_progressive(style == Style::Progressive);
    encoder.set_optimized_huffman_tables(style == Style::Separate);
    if style == Style::Restarts {
        encoder.set_restart_interval(5);
    }
    more(&mut encoder);
    let (data, colour) = match style {
        Style::Grey => (
            DynamicImage::from(picture.clone()).into_luma8().into_raw(),
            ColorType::Luma,
        ),
        Style::Cmyk => (inks(picture), ColorType::Cmyk),
        Style::Ycck => (inks(picture), ColorType::CmykAsYcck),
        _ => (picture.as_raw().clone(), ColorType::Rgb),
    };
    let (width, height) = picture.dimensions();
    encoder
        .encode(&data, width as u16, height as u16, colour)
        .expect("a fixture can be written");
    bytes
}

/// A JPEG with an EXIF segment and every other kind of metadata.
pub(super) fn jpeg_with_exif(picture: &RgbImage, parts: &ExifParts) -> Vec<u8> {
    let mut app1 = b"Exif\0\0".to_vec();
    app1.extend(exif(parts));
    jpeg_with(picture, Style::Baseline, |encoder| {
        encoder
            .add_app_segment(1, app1)
            .expect("a fixture can be written");
        encoder
            .add_app_segment(1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>".to_vec())
            .expect("a fixture can be written");
        encoder
            .add_app_segment(13, b"Photoshop 3.0\x008BIM".to_vec())
            .expect("a fixture can be written");
        encoder
            .add_icc_profile(&[7; 300])
            .expect("a fixture can be written");
    })
}

/// Degrees, minutes, seconds as fractions, and the letter of the half.
type Angle<'a> = ([(u32, u32); 3], &'a str);

/// What an EXIF block says.
#[derive(Clone, Copy, Default)]
pub(super) struct ExifParts<'a> {
    pub(super) orientation: Option<u16>,
    pub(super) date: Option<&'a str>,
    pub(super) position: Option<(Angle<'a>, Angle<'a>)>,
}

/// A TIFF structure with those fields.
pub(super) fn exif(parts: &ExifParts) -> Vec<u8> {
    let field = |tag, value| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    };
    let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let angle = |(parts, _): Angle| {
        Value::Rational(parts.map(|(num, denom)| Rational { num, denom }).to_vec())
    };
    let mut fields = vec![field(Tag::Make, text("Testcam"))];
    if let Some(orientation) = parts.orientation {
        fields.push(field(Tag::Orientation, Value::Short(vec![orientation])));
    }
    if let Some(date) = parts.date {
        fields.push(field(Tag::DateTimeOriginal, text(date)));
    }
    if let Some((latitude, longitude)) = parts.position {
        fields.push(field(Tag::GPSLatitude, angle(latitude)));
        fields.push(field(Tag::GPSLatitudeRef, text(latitude.1)));
        fields.push(field(Tag::GPSLongitude, angle(longitude)));
        fields.push(field(Tag::GPSLongitudeRef, text(longitude.1)));
    }
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut bytes = Cursor::new(Vec::new());
    writer
        .write(&mut bytes, true)
        .expect("a fixture can be written");
    bytes.into_inner()
}

pub(super) fn png(picture: &RgbImage) -> Vec<u8> {
    written(&DynamicImage::from(picture.clone()), ImageFormat::Png)
}

pub(super) fn png_with_exif(picture: &RgbImage, exif: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder
        .set_exif_metadata(exif)
        .expect("a fixture can be written");
    let (width, height) = picture.dimensions();
    encoder
        .write_image(picture, width, height, image::ExtendedColorType::Rgb8)
        .expect("a fixture can be written");
    bytes
}

pub(super) fn webp_with_exif(picture: &RgbImage, exif: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder
        .set_exif_metadata(exif)
        .expect("a fixture can be written");
    let (width, height) = picture.dimensions();
    encoder
        .write_image(picture, width, height, image::ExtendedColorType::Rgb8)
        .expect("a fixture can be written");
    bytes
}

/// The picture in any format that `image` writes.
pub(super) fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .expect("a fixture can be written");
    bytes.into_inner()
}

/// A GIF of several frames.
pub(super) fn gif(frames: &[RgbaImage]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder
        .encode_frames(frames.iter().cloned().map(Frame::new))
        .expect("a fixture can be written");
    drop(encoder);
    bytes
}

/// An animated WebP (RFC 9649, section 2.7.1) of lossless frames.
pub(super) fn animated_webp(frames: &[RgbImage]) -> Vec<u8> {
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let (width, height) = frames[0].dimensions();
    let mut body = b"WEBP".to_vec();
    let mut chunk = |name: &[u8], content: &[u8]| {
        body.extend(name);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(content);
        body.extend(vec![0; content.len() % 2]);
    };
    let canvas = [vec![2, 0, 0, 0], three(width - 1), three(height - 1)].concat();
    chunk(b"VP8X", &canvas);
    chunk(b"ANIM", &[0; 6]);
    for frame in frames {
        let single = written(&DynamicImage::from(frame.clone()), ImageFormat::WebP);
        let content = [
            vec![0; 6],
            three(width - 1),
            three(height - 1),
            three(100),
            vec![0],
            single[12..].to_vec(),
        ]
        .concat();
        chunk(b"ANMF", &content);
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

/// An uncompressed TIFF with an orientation.
pub(super) fn tiff(picture: &RgbImage, orientation: u16) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let entries: [(u16, u16, u32); 10] = [
        (256, 3, width),
        (257, 3, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 2),
        (273, 4, 8 + 2 + 10 * 12 + 4),
        (274, 3, u32::from(orientation)),
        (277, 3, 3),
        (278, 3, height),
        (279, 4, width * height * 3),
    ];
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(picture.as_raw());
    bytes
}

/// The same picture with the given opacity everywhere.
pub(super) fn faded(picture: &RgbImage, alpha: u8) -> RgbaImage {
    RgbaImage::from_fn(picture.width(), picture.height(), |x, y| {
        let Rgb([r, g, b]) = *picture.get_pixel(x, y);
        Rgba([r, g, b, alpha])
    })
}
