//! Turns a drawn picture into the file a camera would have written: turned as
//! the camera was held, JPEG, with EXIF.

use super::content::{Camera, Photo};
use super::drawing::{Picture, draw};
use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::io::Cursor;

/// A compromise between file size and visible blocks in smooth skies.
const QUALITY: u8 = 86;

/// The whole JPEG file of a photo; the same bytes every time.
pub(super) fn photograph(photo: &Photo) -> Vec<u8> {
    let picture = upright(photo).stored_as(photo.orientation);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .add_exif_metadata(&metadata(photo, &picture))
        .expect("our EXIF is far below the 64 KiB of a segment");
    encoder
        .encode(&picture.rgb, picture.width, picture.height, ColorType::Rgb)
        .expect("a picture has three bytes for each of its pixels, and memory takes any file");
    bytes
}

/// The scene as a viewer is to see it.
pub(super) fn upright(photo: &Photo) -> Picture {
    let name = blake3::hash(format!("{}/{}", photo.album, photo.name).as_bytes());
    let seed = name.as_bytes()[..8].iter();
    let seed = seed.fold(0, |seed, &byte| seed << 8 | u64::from(byte));
    draw(photo.shape, &photo.scene, seed)
}

impl Picture {
    /// The pixels as a camera held in that EXIF orientation (1, 3, 6 or 8)
    /// stores them, so that a viewer who obeys the mark sees them upright.
    fn stored_as(self, orientation: u16) -> Self {
        if ![3, 6, 8].contains(&orientation) {
            return self;
        }
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let (stored_width, stored_height) = match orientation {
            3 => (self.width, self.height),
            _ => (self.height, self.width),
        };
        let mut rgb = vec![0; self.rgb.len()];
        for (index, pixel) in self.rgb.chunks_exact(3).enumerate() {
            let (x, y) = (index % width, index / width);
            let (column, row) = match orientation {
                3 => (width - 1 - x, height - 1 - y),
                6 => (y, width - 1 - x),
                _ => (height - 1 - y, x),
            };
            let to = (row * usize::from(stored_width) + column) * 3;
            rgb[to..to + 3].copy_from_slice(pixel);
        }
        Self {
            width: stored_width,
            height: stored_height,
            rgb,
        }
    }
}

/// The EXIF block, as a TIFF file.
fn metadata(photo: &Photo, picture: &Picture) -> Vec<u8> {
    let (make, model) = match photo.camera {
        Camera::Lumen => ("Halbmond", "Lumen 24"),
        Camera::Pocket => ("Fernsprech", "Pocket 7"),
    };
    let mut fields = vec![
        field(Tag::Make, text(make)),
        field(Tag::Model, text(model)),
        field(Tag::Orientation, Value::Short(vec![photo.orientation])),
        field(Tag::DateTime, text(&photo.taken)),
        field(Tag::DateTimeOriginal, text(&photo.taken)),
        field(
            Tag::PixelXDimension,
            Value::Long(vec![picture.width.into()]),
        ),
        field(
            Tag::PixelYDimension,
            Value::Long(vec![picture.height.into()]),
        ),
    ];
    if let Some((north, east)) = photo.place {
        let (latitude, longitude) = (["S", "N"], ["W", "E"]);
        fields.extend([
            field(
                Tag::GPSLatitudeRef,
                text(latitude[usize::from(north >= 0.0)]),
            ),
            field(Tag::GPSLatitude, degrees(north)),
            field(
                Tag::GPSLongitudeRef,
                text(longitude[usize::from(east >= 0.0)]),
            ),
            field(Tag::GPSLongitude, degrees(east)),
        ]);
    }
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut tiff = Cursor::new(Vec::new());
    writer
        .write(&mut tiff, false)
        .expect("memory takes any file, and the fields are of the kinds EXIF wants");
    tiff.into_inner()
}

fn field(tag: Tag, value: Value) -> Field {
    Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    }
}

fn text(text: &str) -> Value {
    Value::Ascii(vec![text.as_bytes().to_vec()])
}

/// Degrees, minutes and hundredths of a second.
fn degrees(value: f64) -> Value {
    let hundredths = (value.abs() * 360_000.0).round() as u32;
    let part = |num, denom| Rational { num, denom };
    Value::Rational(vec![
        part(hundredths / 360_000, 1),
        part(hundredths / 6_000 % 60, 1),
        part(hundredths % 6_000, 100),
    ])
}
