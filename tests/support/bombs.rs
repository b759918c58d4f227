//! Image files that are attacks: small on the wire, huge once believed, or
//! without an end. Written from the formats' specifications.

use super::photos::{self, Metadata};
use std::process::Command;

/// So many zero bytes as a zlib stream (RFC 1950). The checksum of zeros needs
/// no look at them.
fn zlib_zeros(count: u64) -> Vec<u8> {
    let script = format!("head -c {count} /dev/zero | gzip -9");
    let output = Command::new("/bin/sh").args(["-c", &script]).output();
    let gzip = output.expect("gzip is there").stdout;
    // Ten bytes of header before, length and checksum behind (RFC 1952).
    let deflate = &gzip[10..gzip.len() - 8];
    let checksum = (((count % 65_521) as u32) << 16) | 1;
    [&[0x78, 0xda], deflate, &checksum.to_be_bytes()].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let length = u32::try_from(data.len()).expect("a chunk");
    [&length.to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
}

/// The PNG colour types that are used here, by their number and bytes a pixel.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Rgb,
    Rgba16,
}

/// A whole, valid, black PNG of any size, with more chunks before its data.
pub(crate) fn png((width, height): (u32, u32), colour: Colour, more: &[Vec<u8>]) -> Vec<u8> {
    let (number, depth, bytes) = match colour {
        Colour::Rgb => (2, 8, 3),
        Colour::Rgba16 => (6, 16, 8),
    };
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, number, 0, 0, 0]);
    let rows = u64::from(height) * (1 + bytes * u64::from(width));
    let data = zlib_zeros(rows);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(*b"IHDR", &header));
    for more in more {
        file.extend(more);
    }
    file.extend(chunk(*b"IDAT", &data));
    file.extend(chunk(*b"IEND", &[]));
    file
}

fn patched(mut file: Vec<u8>, marker: u8, (width, height): (u16, u16)) -> Vec<u8> {
    let at = file.windows(2).position(|pair| pair == [0xff, marker]);
    let at = at.expect("a frame header");
    file[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    file[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    file
}

fn jpeg(progressive: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
    encoder.set_progressive(progressive);
    let pixels = vec![90; 64 * 64 * 3];
    let done = encoder.encode(&pixels, 64, 64, jpeg_encoder::ColorType::Rgb);
    done.expect("a picture in memory");
    file
}

/// A JPEG with so many segments of 64 KB before its picture.
fn with_segments(marker: u8, start: &[u8], count: usize) -> Vec<u8> {
    let whole = photos::photo(7, 64, 48, Metadata::None);
    let mut segment = vec![0xff, marker, 0xff, 0xff];
    segment.extend(start);
    segment.resize(2 + 0xffff, 0x2a);
    [&whole[..2], &segment.repeat(count), &whole[2..]].concat()
}

/// A TIFF whose first directory has these entries (tag, type, count, value).
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(next.to_le_bytes());
    file.extend([0; 64]);
    file
}

fn gif((width, height): (u16, u16), frames: usize, ends: bool) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend(width.to_le_bytes());
    file.extend(height.to_le_bytes());
    file.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    for _ in 0..frames {
        file.extend(*b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    if ends {
        file.push(0x3b);
    }
    file
}

fn webp(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let size = data.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((12 + size).to_le_bytes());
    file.extend(b"WEBP");
    file.extend(kind);
    file.extend(size.to_le_bytes());
    file.extend(data);
    file
}

/// Every attack with its name. None of them can become a picture.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let profile = [&b"x\0\0"[..], &zlib_zeros(1 << 30)].concat();
    let text = [&b"Comment\0\0"[..], &zlib_zeros(1 << 28)].concat();
    let mut largest_bmp = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    largest_bmp.extend(65_535_u32.to_le_bytes().repeat(2));
    largest_bmp.extend([1, 0, 24, 0]);
    largest_bmp.extend([0; 24]);
    let huge = |size: u32| {
        vec![
            (256, 4, 1, size),
            (257, 4, 1, size),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, 8),
            (277, 3, 1, 1),
            (278, 4, 1, size),
            (279, 4, 1, 64),
        ]
    };
    let mut many = huge(100);
    many[5] = (273, 4, u32::MAX, 8);
    many[8] = (279, 4, u32::MAX, 8);
    let whole = photos::photo(7, 640, 480, Metadata::None);
    vec![
        ("PNG of 65,535 squared", png_header(65_535, 65_535)),
        ("PNG of 2^31 by 1", png_header(1 << 31, 1)),
        (
            "PNG of 99 million black pixels",
            png((9_950, 9_950), Colour::Rgb, &[]),
        ),
        (
            "PNG of 36 million deep pixels",
            png((6_000, 6_000), Colour::Rgba16, &[]),
        ),
        (
            "PNG cut off",
            png((2_000, 2_000), Colour::Rgb, &[])[..3000].to_vec(),
        ),
        (
            "PNG with a profile of a gigabyte and no picture",
            [&png_header(64, 64)[..33], &chunk(*b"iCCP", &profile)].concat(),
        ),
        (
            "PNG with texts of gigabytes and no picture",
            [
                &png_header(64, 64)[..33],
                &chunk(*b"zTXt", &text).repeat(40),
            ]
            .concat(),
        ),
        (
            "PNG of a million texts",
            [
                &png_header(64, 64)[..33],
                &chunk(*b"tEXt", b"a\0").repeat(1 << 20),
            ]
            .concat(),
        ),
        (
            "JPEG of 65,535 squared",
            patched(jpeg(false), 0xc0, (65_535, 65_535)),
        ),
        (
            "progressive JPEG of 98 million pixels",
            patched(jpeg(true), 0xc2, (9_900, 9_900)),
        ),
        (
            "JPEG of 98 million pixels without data",
            patched(jpeg(false), 0xc0, (9_900, 9_900)),
        ),
        ("JPEG cut off", photos::truncated(&whole)),
        ("GIF of 65,535 squared", gif((65_535, 65_535), 1, true)),
        (
            "GIF of 99 million pixels with a frame of one",
            gif((9_950, 9_950), 1, true),
        ),
        (
            "GIF without a frame and without an end",
            gif((64, 64), 0, false).repeat(1000),
        ),
        (
            "WebP of 16,384 squared",
            webp(*b"VP8L", b"\x2f\xff\xff\xff\x0f\0\0\0\0\0"),
        ),
        (
            "WebP with a canvas of 2^24 squared",
            webp(*b"VP8X", b"\0\0\0\0\xff\xff\xff\xff\xff\xff"),
        ),
        ("TIFF of 4 billion squared", tiff(&huge(u32::MAX), 0)),
        (
            "TIFF of 99 million pixels without data",
            tiff(&huge(9_950), 0),
        ),
        ("TIFF of 4 billion strips", tiff(&many, 0)),
        ("TIFF in a circle", tiff(&[(330, 4, 1, 8)], 8)),
        ("BMP of 65,535 squared", largest_bmp),
    ]
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(*b"IHDR", &header));
    file.extend(chunk(*b"IDAT", &zlib_zeros(1)));
    file.extend(chunk(*b"IEND", &[]));
    file
}

/// Pictures with something monstrous beside them, which is no reason to leave
/// them out.
pub(crate) fn burdened() -> Vec<(&'static str, Vec<u8>)> {
    let text = [&b"Comment\0\0"[..], &zlib_zeros(1 << 28)].concat();
    vec![
        (
            "JPEG with 30 MB of EXIF",
            with_segments(0xe1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff", 480),
        ),
        (
            "JPEG with 15 MB of colour profile",
            with_segments(0xe2, b"ICC_PROFILE\0\x01\xff", 240),
        ),
        ("JPEG with 30 MB of comments", with_segments(0xfe, b"", 480)),
        (
            "PNG with a text of a quarter of a gigabyte",
            png((640, 480), Colour::Rgb, &[chunk(*b"zTXt", &text)]),
        ),
        (
            "PNG with a million texts",
            png(
                (640, 480),
                Colour::Rgb,
                &[chunk(*b"tEXt", b"a\0").repeat(1 << 20)],
            ),
        ),
        (
            "GIF of fifty thousand frames without an end",
            gif((8, 8), 50_000, false),
        ),
    ]
}

/// Large and honest pictures: one fits into the memory that decoding may take,
/// two at once don't.
pub(crate) fn large() -> Vec<Vec<u8>> {
    let widths = [6_000, 5_999, 5_998];
    let picture = |width| png((width, 6_000), Colour::Rgb, &[]);
    widths.into_iter().map(picture).collect()
}
