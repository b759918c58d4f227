//! Image files for the fakes: small generated JPEGs (some with the metadata
//! that must never leave the owner's machine), damaged files, and an
//! inspection of what a client sends to a model.

use jpeg_encoder::{ColorType, Encoder};
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

/// A text that stands in the metadata of some generated photos; it must turn up
/// nowhere outside the file.
pub(crate) const HIDDEN: &str = "Hidden-Owner-Name";

static POOL: LazyLock<Vec<Arc<[u8]>>> = LazyLock::new(|| {
    (0..5)
        .map(|seed| match seed {
            1 => photo(seed, 640, 480, Metadata::TurnedWithGps),
            3 => photo(seed, 480, 640, Metadata::Comment),
            _ => photo(seed, 640, 480, Metadata::None),
        })
        .map(Arc::from)
        .collect()
});

/// The generated photos that libraries use in turn.
pub(crate) fn pool() -> &'static [Arc<[u8]>] {
    &POOL
}

/// What a generated photo carries beside its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// Nothing.
    None,
    /// EXIF: orientation 6 (a quarter turn), an owner, a position.
    TurnedWithGps,
    /// A comment, an IPTC record and a colour profile (not usable ones).
    Comment,
}

/// A JPEG of coloured stripes and blocks, different for every seed.
pub(crate) fn photo(seed: u32, width: u16, height: u16, metadata: Metadata) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            let block = (x / 40 + y / 40 * 7 + seed * 13) % 11;
            rgb.push((x * 255 / u32::from(width)) as u8);
            rgb.push((y * 255 / u32::from(height)) as u8);
            rgb.push((block * 23) as u8);
        }
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 80);
    match metadata {
        Metadata::None => {}
        Metadata::TurnedWithGps => encoder
            .add_exif_metadata(&exif())
            .expect("a short EXIF block fits"),
        Metadata::Comment => {
            encoder
                .add_app_segment(13, format!("Photoshop 3.0\0{HIDDEN}").into_bytes())
                .expect("a short segment fits");
            encoder
                .add_icc_profile(HIDDEN.as_bytes())
                .expect("a short segment fits");
        }
    }
    encoder
        .encode(&rgb, width, height, ColorType::Rgb)
        .expect("the buffer has the right length");
    if metadata == Metadata::Comment {
        insert_comment(&mut file);
    }
    file
}

/// Puts a comment segment right after the start-of-image marker.
fn insert_comment(file: &mut Vec<u8>) {
    let length = u16::try_from(HIDDEN.len() + 2).expect("a short text");
    let mut segment = vec![0xFF, 0xFE];
    segment.extend(length.to_be_bytes());
    segment.extend(HIDDEN.as_bytes());
    file.splice(2..2, segment);
}

/// A little-endian TIFF block with orientation 6, an artist and a position.
fn exif() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        let mut bytes = Vec::new();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value);
        bytes
    };
    let artist_at = 8 + 2 + 3 * 12 + 4;
    let artist_length = HIDDEN.len() as u32 + 1;
    let gps_at = artist_at + artist_length + artist_length % 2;
    let degrees_at = gps_at + 2 + 4 * 12 + 4;
    let mut tiff = b"II*\0\x08\0\0\0\x03\0".to_vec();
    tiff.extend(entry(0x0112, 3, 1, [6, 0, 0, 0]));
    tiff.extend(entry(0x013B, 2, artist_length, artist_at.to_le_bytes()));
    tiff.extend(entry(0x8825, 4, 1, gps_at.to_le_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(HIDDEN.as_bytes());
    tiff.resize(gps_at as usize, 0);
    tiff.extend([4, 0]);
    tiff.extend(entry(1, 2, 2, [b'N', 0, 0, 0]));
    tiff.extend(entry(2, 5, 3, degrees_at.to_le_bytes()));
    tiff.extend(entry(3, 2, 2, [b'E', 0, 0, 0]));
    tiff.extend(entry(4, 5, 3, degrees_at.to_le_bytes()));
    tiff.extend([0; 4]);
    for number in [51_u32, 1, 13, 1, 37, 1] {
        tiff.extend(number.to_le_bytes());
    }
    tiff
}

/// The same picture as a PNG.
pub(crate) fn png(seed: u32) -> Vec<u8> {
    let jpeg = photo(seed, 160, 120, Metadata::None);
    let picture = image::load_from_memory(&jpeg).expect("our own JPEG");
    let mut file = Cursor::new(Vec::new());
    picture
        .write_to(&mut file, image::ImageFormat::Png)
        .expect("a PNG in memory");
    file.into_inner()
}

/// The first half of a file.
pub(crate) fn truncated(file: &[u8]) -> Vec<u8> {
    file[..file.len() / 2].to_vec()
}

/// What is inside a JPEG that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageFacts {
    /// Width in pixels, as stored.
    pub(crate) width: u32,
    /// Height in pixels, as stored.
    pub(crate) height: u32,
    /// Names of the segments that carry anything but the picture; empty when
    /// there are none.
    pub(crate) metadata: Vec<String>,
}

/// Looks into a JPEG as a strict receiver would: the error says what is wrong.
pub(crate) fn inspect_jpeg(file: &[u8]) -> Result<ImageFacts, String> {
    if !file.starts_with(&[0xFF, 0xD8]) {
        return Err("not a JPEG".to_owned());
    }
    if !file.ends_with(&[0xFF, 0xD9]) {
        return Err("the JPEG has no end".to_owned());
    }
    let metadata = metadata_segments(file)?;
    let mut decoder = jpeg_decoder::Decoder::new(file);
    decoder
        .decode()
        .map_err(|error| format!("the JPEG can't be decoded: {error}"))?;
    let info = decoder.info().ok_or("the JPEG has no size")?;
    Ok(ImageFacts {
        width: u32::from(info.width),
        height: u32::from(info.height),
        metadata,
    })
}

/// Walks over the segments before the picture data (ITU-T T.81, annex B). APP0
/// (JFIF) and APP14 (Adobe's colour transform) belong to the picture.
fn metadata_segments(file: &[u8]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut at = 2;
    loop {
        let [0xFF, marker, high, low] = *file
            .get(at..at + 4)
            .ok_or("the JPEG's segments end early")?
        else {
            return Err(format!("no marker at byte {at}"));
        };
        match marker {
            0xDA => return Ok(found),
            0xFE => found.push("COM".to_owned()),
            0xE0 | 0xEE => {}
            0xE1..=0xEF => found.push(format!("APP{}", marker - 0xE0)),
            _ => {}
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
}
