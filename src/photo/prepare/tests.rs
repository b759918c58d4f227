//! What `prepare` makes of good, odd, broken and hostile files.

use super::*;
use crate::photo::fixtures::{self, BLUE, ExifParts, GREEN, RED, Style, WHITE};
use crate::photo::hush_decoder_panics;
use image::{DynamicImage, ImageFormat, RgbImage};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const LIMITS: Limits = Limits {
    max_bytes: 64 << 20,
    max_pixels: 100_000_000,
    max_memory: 200_000_000,
};

fn prepared(bytes: &[u8], long_edge: u32) -> Jpeg {
    prepare(bytes, long_edge, LIMITS).expect("a good file")
}

/// The picture in a prepared file, after checking that it is a whole JPEG of
/// the stated size.
fn seen(jpeg: &Jpeg) -> RgbImage {
    let picture = image::load_from_memory_with_format(&jpeg.bytes, ImageFormat::Jpeg)
        .expect("a readable JPEG")
        .into_rgb8();
    assert!(jpeg.bytes.ends_with(&[0xff, 0xd9]), "no end marker");
    assert_eq!(picture.dimensions(), (jpeg.width, jpeg.height));
    picture
}

fn assert_close(found: [u8; 3], expected: [u8; 3], what: &str) {
    for (a, b) in found.iter().zip(expected) {
        assert!(a.abs_diff(b) <= 14, "{what}: {found:?} is not {expected:?}");
    }
}

/// The colours in the middle of the four quarters, in reading order.
fn assert_corners(picture: &RgbImage, expected: [[u8; 3]; 4], what: &str) {
    let (width, height) = picture.dimensions();
    let spots = [(1, 1), (3, 1), (1, 3), (3, 3)];
    for ((x, y), colour) in spots.into_iter().zip(expected) {
        let found = picture.get_pixel(width * x / 4, height * y / 4).0;
        assert_close(found, colour, what);
    }
}

const UPRIGHT: [[u8; 3]; 4] = [RED, GREEN, BLUE, WHITE];

/// How far two pictures of one size are apart at their worst place, as the mean
/// over blocks of 8x8 pixels.
fn worst_block(one: &RgbImage, other: &RgbImage) -> u32 {
    assert_eq!(one.dimensions(), other.dimensions());
    let (width, height) = one.dimensions();
    let block = |left: u32, top: u32| {
        let (mut sum, mut count) = (0, 0);
        for y in top..(top + 8).min(height) {
            for x in left..(left + 8).min(width) {
                let (a, b) = (one.get_pixel(x, y).0, other.get_pixel(x, y).0);
                sum += a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| u32::from(a.abs_diff(b)))
                    .sum::<u32>();
                count += 3;
            }
        }
        sum / count
    };
    (0..height)
        .step_by(8)
        .flat_map(|top| (0..width).step_by(8).map(move |left| (left, top)))
        .map(|(left, top)| block(left, top))
        .max()
        .unwrap_or(0)
}

#[test]
fn every_kind_of_jpeg_keeps_its_colours() {
    let picture = fixtures::corners(160, 96);
    for style in Style::ALL {
        let what = format!("{style:?}");
        let bytes = fixtures::jpeg(&picture, style);
        // At full size, and halved inside the decoder.
        for long_edge in [1024, 80, 40] {
            let jpeg = prepared(&bytes, long_edge);
            assert_eq!(jpeg.width, long_edge.min(160), "{what}");
            if style == Style::Grey {
                let luma = DynamicImage::from(seen(&jpeg)).into_luma8();
                assert!(luma.get_pixel(1, 1).0[0] < 120, "{what}");
                assert!(luma.get_pixel(jpeg.width - 2, jpeg.height - 2).0[0] > 240);
            } else {
                assert_corners(&seen(&jpeg), UPRIGHT, &what);
            }
        }
    }
}

#[test]
fn inks_that_no_adobe_marker_calls_inverted_are_taken_as_they_are() {
    let picture = fixtures::corners(160, 96);
    let inverted = image::RgbImage::from_fn(160, 96, |x, y| {
        image::Rgb(picture.get_pixel(x, y).0.map(|value| 255 - value))
    });
    let mut bytes = fixtures::jpeg(&inverted, Style::Cmyk);
    // Hide the marker: the stored inks are then the plain ones of `inverted`,
    // and black is stored as full.
    let adobe = bytes
        .windows(5)
        .position(|five| five == b"Adobe")
        .expect("the encoder marks inks");
    bytes[adobe] = b'a';
    let found = seen(&prepared(&bytes, 1024));
    // All black: its ink is stored as 255, which now means full.
    assert_corners(&found, [[0, 0, 0]; 4], "plain inks");
}

#[test]
fn every_orientation_is_turned_upright() {
    // What the quarters of the stored picture look like once turned, as the
    // table in the EXIF standard has it.
    let turned = [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ];
    let picture = fixtures::corners(96, 64);
    for (orientation, expected) in turned {
        let parts = ExifParts {
            orientation: Some(orientation),
            ..ExifParts::default()
        };
        let exif = fixtures::exif(&parts);
        for (name, bytes) in [
            ("jpeg", fixtures::jpeg_with_exif(&picture, &parts)),
            ("png", fixtures::png_with_exif(&picture, exif.clone())),
            ("webp", fixtures::webp_with_exif(&picture, exif)),
            ("tiff", fixtures::tiff(&picture, orientation)),
        ] {
            for long_edge in [1024, 48] {
                let jpeg = prepared(&bytes, long_edge);
                let what = format!("{name}, orientation {orientation}, {long_edge} px");
                assert_eq!(jpeg.height > jpeg.width, orientation > 4, "{what}");
                assert_corners(&seen(&jpeg), expected, &what);
            }
        }
    }
}

#[test]
fn an_orientation_that_does_not_exist_is_none() {
    for orientation in [0, 9, 300] {
        let parts = ExifParts {
            orientation: Some(orientation),
            ..ExifParts::default()
        };
        let bytes = fixtures::jpeg_with_exif(&fixtures::corners(96, 64), &parts);
        assert_corners(&seen(&prepared(&bytes, 96)), UPRIGHT, "unturned");
    }
}

#[test]
fn every_format_is_read_whatever_its_name() {
    let picture = fixtures::corners(160, 96);
    let dynamic = DynamicImage::from(picture.clone());
    let sixteen = DynamicImage::from(dynamic.to_rgb16());
    let other = RgbImage::from_pixel(160, 96, image::Rgb(WHITE));
    let mut files = vec![
        ("gif", fixtures::gif(&[fixtures::faded(&picture, 255)])),
        (
            "animated gif",
            fixtures::gif(&[fixtures::faded(&picture, 255), fixtures::faded(&other, 255)]),
        ),
        (
            "animated webp",
            fixtures::animated_webp(&[picture.clone(), other]),
        ),
        ("16-bit png", fixtures::written(&sixteen, ImageFormat::Png)),
        (
            "16-bit tiff",
            fixtures::written(&sixteen, ImageFormat::Tiff),
        ),
    ];
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
    ] {
        files.push(("plain", fixtures::written(&dynamic, format)));
    }
    for (name, bytes) in files {
        assert_corners(&seen(&prepared(&bytes, 80)), UPRIGHT, name);
    }
}

#[test]
fn a_lossy_webp_is_read() {
    assert_corners(&seen(&prepared(LOSSY_WEBP, 48)), UPRIGHT, "lossy webp");
}

#[test]
fn transparent_parts_are_white() {
    let picture = fixtures::corners(64, 48);
    let clear = fixtures::faded(&picture, 0);
    let half = fixtures::faded(&picture, 128);
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let bytes = fixtures::written(&DynamicImage::from(clear.clone()), format);
        assert_corners(&seen(&prepared(&bytes, 64)), [WHITE; 4], "clear");
        let bytes = fixtures::written(&DynamicImage::from(half.clone()), format);
        let pale = UPRIGHT.map(|colour| colour.map(|value| 127 + value / 2));
        assert_corners(&seen(&prepared(&bytes, 64)), pale, "half");
    }
    let bytes = fixtures::gif(&[clear]);
    assert_corners(&seen(&prepared(&bytes, 64)), [WHITE; 4], "gif");
}

#[test]
fn a_picture_is_scaled_down_but_never_up() {
    let bytes = fixtures::jpeg(&fixtures::busy(400, 300), Style::Subsampled);
    for (long_edge, size) in [
        (1024, (400, 300)),
        (400, (400, 300)),
        (399, (399, 299)),
        (200, (200, 150)),
        (199, (199, 149)),
        (100, (100, 75)),
        (7, (7, 5)),
        (1, (1, 1)),
        (0, (1, 1)),
        (u32::MAX, (400, 300)),
    ] {
        let jpeg = prepared(&bytes, long_edge);
        assert_eq!((jpeg.width, jpeg.height), size, "{long_edge}");
        seen(&jpeg);
    }
    for (width, height) in [(3000, 1), (1, 3000), (1500, 1), (1, 1)] {
        let picture = fixtures::busy(width, height);
        for bytes in [
            fixtures::jpeg(&picture, Style::Baseline),
            fixtures::png(&picture),
        ] {
            let jpeg = prepared(&bytes, 1024);
            assert_eq!(jpeg.width, width.min(1024));
            assert_eq!(jpeg.height, height.min(1024));
            seen(&jpeg);
        }
    }
}

#[test]
fn scaling_inside_the_decoder_shows_the_same_picture() {
    let picture = fixtures::busy(512, 384);
    let bytes = fixtures::jpeg(&picture, Style::Subsampled);
    let png = fixtures::png(&picture);
    for long_edge in [256, 200, 64] {
        let by_decoder = seen(&prepared(&bytes, long_edge));
        let by_filter = seen(&prepared(&png, long_edge));
        assert!(worst_block(&by_decoder, &by_filter) < 12, "{long_edge}");
    }
}

#[test]
fn nothing_of_the_metadata_is_left() {
    let parts = ExifParts {
        orientation: Some(6),
        date: Some("2024:05:31 17:04:09"),
        position: Some((
            ([(51, 1), (12, 1), (0, 1)], "N"),
            ([(3, 1), (13, 1), (0, 1)], "E"),
        )),
    };
    let bytes = fixtures::jpeg_with_exif(&fixtures::corners(64, 48), &parts);
    let jpeg = prepared(&bytes, 1024);
    let kept: Vec<u8> = segments(&jpeg.bytes);
    for marker in kept {
        assert!(
            matches!(marker, 0xe0 | 0xdb | 0xc0 | 0xc4 | 0xda),
            "segment {marker:02x}"
        );
    }
    for trace in [&b"Exif"[..], b"Testcam", b"2024", b"http", b"8BIM", b"ICC"] {
        assert!(bytes.windows(trace.len()).any(|part| part == trace) || trace == b"ICC");
        assert!(!jpeg.bytes.windows(trace.len()).any(|part| part == trace));
    }
}

/// The markers of the segments before the picture data.
fn segments(bytes: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut at = 2;
    while found.last() != Some(&0xda) {
        assert_eq!(bytes[at], 0xff);
        found.push(bytes[at + 1]);
        at += 2 + (usize::from(bytes[at + 2]) << 8) + usize::from(bytes[at + 3]);
    }
    found
}

#[test]
fn what_follows_the_picture_does_not_matter() {
    for style in Style::ALL {
        let mut bytes = fixtures::jpeg(&fixtures::busy(64, 48), style);
        let plain = prepared(&bytes, 64);
        bytes.extend(b"MotionPhoto_Data\0\0\0\x18ftypmp42");
        bytes.extend(fixtures::jpeg(&fixtures::corners(32, 32), style));
        assert_eq!(prepared(&bytes, 64).bytes, plain.bytes, "{style:?}");
    }
}

#[test]
fn an_empty_or_too_large_file_is_refused() {
    let refused = |bytes: &[u8], limits| prepare(bytes, 1024, limits).expect_err("refused");
    assert_eq!(refused(b"", LIMITS), PhotoError::Empty);
    let bytes = fixtures::png(&fixtures::corners(40, 30));
    let few_bytes = Limits {
        max_bytes: 10,
        ..LIMITS
    };
    let error = refused(&bytes, few_bytes);
    assert!(matches!(error, PhotoError::TooManyBytes { limit: 10, .. }));
    let few_pixels = Limits {
        max_pixels: 1199,
        ..LIMITS
    };
    let expected = PhotoError::TooManyPixels {
        width: 40,
        height: 30,
        limit: 1199,
    };
    let picture = fixtures::corners(40, 30);
    let dynamic = DynamicImage::from(picture.clone());
    for bytes in [
        fixtures::jpeg(&picture, Style::Baseline),
        fixtures::written(&dynamic, ImageFormat::Png),
        fixtures::written(&dynamic, ImageFormat::Gif),
        fixtures::written(&dynamic, ImageFormat::WebP),
        fixtures::written(&dynamic, ImageFormat::Tiff),
        fixtures::written(&dynamic, ImageFormat::Bmp),
    ] {
        assert_eq!(refused(&bytes, few_pixels), expected);
        let enough = Limits {
            max_pixels: 1200,
            ..LIMITS
        };
        assert!(prepare(&bytes, 1024, enough).is_ok());
    }
}

/// Overwrites a size that a header states.
fn with_size(mut bytes: Vec<u8>, at: usize, size: &[u8]) -> Vec<u8> {
    bytes[at..at + size.len()].copy_from_slice(size);
    bytes
}

#[test]
fn a_bomb_is_refused_by_its_header_and_quickly() {
    let picture = fixtures::corners(40, 30);
    let dynamic = DynamicImage::from(picture.clone());
    let max = 65_535_u16.to_le_bytes().repeat(2);
    let mut files = Vec::new();
    for style in Style::ALL {
        let bytes = fixtures::jpeg(&picture, style);
        let frame = bytes
            .windows(2)
            .position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0..=0xc2))
            .expect("a frame header");
        files.push(with_size(bytes, frame + 5, &max));
    }
    let png = fixtures::png(&picture);
    let mut header = png[12..29].to_vec();
    header[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let mut png = with_size(png, 12, &header);
    png[29..33].copy_from_slice(&crc(&header).to_be_bytes());
    files.push(png);
    files.push(with_size(
        fixtures::gif(&[fixtures::faded(&picture, 255)]),
        6,
        &max,
    ));
    files.push(with_size(
        fixtures::written(&dynamic, ImageFormat::Bmp),
        18,
        &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0],
    ));
    let mut webp = fixtures::animated_webp(std::slice::from_ref(&picture));
    webp[24..30].copy_from_slice(&[0x7f, 0x3e, 0, 0x7f, 0x3e, 0]);
    files.push(webp);
    let mut tiff = fixtures::tiff(&picture, 1);
    // Width, height, rows in the strip and its bytes, in their entries.
    for (at, value) in [
        (18, 20_000),
        (30, 20_000),
        (114, 20_000),
        (126, 1_200_000_000),
    ] {
        tiff = with_size(tiff, at, &u32::to_le_bytes(value));
    }
    files.push(tiff);
    for bytes in files {
        let start = Instant::now();
        let error = prepare(&bytes, 1024, LIMITS).expect_err("a bomb");
        let head = &bytes[..12];
        assert!(
            matches!(error, PhotoError::TooManyPixels { .. }),
            "{head:?}: {error}"
        );
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

/// The checksum of a PNG chunk (ISO 15948, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
        }
        crc
    })
}

#[test]
fn thousands_of_empty_scans_take_no_time() {
    let bytes = fixtures::jpeg(&fixtures::busy(64, 64), Style::Progressive);
    let first = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xda])
        .expect("a scan");
    let mut bomb = bytes[..first].to_vec();
    for _ in 0..5000 {
        bomb.extend([0xff, 0xda, 0, 8, 1, 0, 0, 1, 63, 0, 0x00]);
    }
    bomb.extend([0xff, 0xd9]);
    let error = prepare(&bomb, 1024, LIMITS).expect_err("a bomb");
    assert!(matches!(error, PhotoError::Damaged(_)), "{error}");
}

#[test]
fn a_sound_file_of_an_unknown_kind_is_not_called_damaged() {
    let mut bytes = fixtures::tiff(&fixtures::busy(16, 16), 1);
    // The colours are said to be CIE Lab.
    let rgb = [0x06, 0x01, 3, 0, 1, 0, 0, 0, 2, 0];
    let at = bytes.windows(rgb.len()).position(|part| part == rgb);
    bytes[at.expect("the entry") + 8] = 8;
    let error = prepare(&bytes, 1024, LIMITS).expect_err("CIE Lab");
    assert!(matches!(error, PhotoError::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("save it as JPEG"), "{error}");
}

/// One file of every format, with its name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let picture = fixtures::busy(72, 56);
    let dynamic = DynamicImage::from(picture.clone());
    let mut files: Vec<_> = Style::ALL
        .into_iter()
        .map(|style| (format!("{style:?} jpeg"), fixtures::jpeg(&picture, style)))
        .collect();
    for (name, format) in [
        ("png", ImageFormat::Png),
        ("webp", ImageFormat::WebP),
        ("tiff", ImageFormat::Tiff),
        ("bmp", ImageFormat::Bmp),
    ] {
        files.push((name.to_owned(), fixtures::written(&dynamic, format)));
    }
    let frame = fixtures::faded(&picture, 255);
    files.push((
        "gif".to_owned(),
        fixtures::gif(std::slice::from_ref(&frame)),
    ));
    files.push((
        "animated gif".to_owned(),
        fixtures::gif(&[frame.clone(), frame]),
    ));
    files.push((
        "animated webp".to_owned(),
        fixtures::animated_webp(&[picture.clone(), picture]),
    ));
    files.push(("lossy webp".to_owned(), LOSSY_WEBP.to_vec()));
    files
}

/// Every file cut at `places` of its length: an error, or all of the picture.
fn assert_cuts_are_noticed(kind: &str, cut: impl Fn(&[u8], usize) -> Vec<u8>) {
    for (name, bytes) in samples() {
        if !name.ends_with(kind) {
            continue;
        }
        let whole = seen(&prepared(&bytes, 1024));
        let step = bytes.len() / 150 + 1;
        let near_the_end = bytes.len().saturating_sub(40)..bytes.len();
        for length in (0..bytes.len()).step_by(step).chain(near_the_end) {
            let Ok(jpeg) = prepare(&cut(&bytes, length), 1024, LIMITS) else {
                continue;
            };
            let apart = worst_block(&seen(&jpeg), &whole);
            let of = bytes.len();
            assert!(apart <= 2, "{name} cut at {length} of {of}: {apart}");
        }
    }
}

#[test]
fn a_cut_off_file_never_gives_half_a_picture() {
    assert_cuts_are_noticed("", |bytes, length| bytes[..length].to_vec());
}

#[test]
fn a_jpeg_whose_rest_is_zeros_never_gives_half_a_picture() {
    assert_cuts_are_noticed("jpeg", |bytes, length| {
        let mut cut = bytes[..length].to_vec();
        cut.resize(bytes.len(), 0);
        cut
    });
}

#[test]
fn a_cut_off_jpeg_with_a_new_end_never_gives_half_a_picture() {
    assert_cuts_are_noticed("jpeg", |bytes, length| {
        let mut cut = bytes[..length].to_vec();
        cut.extend([0xff, 0xd9]);
        cut
    });
}

#[test]
fn a_cut_off_file_is_called_cut_off() {
    for (name, bytes) in samples() {
        for part in [0.4, 0.7, 0.9] {
            let length = (bytes.len() as f64 * part) as usize;
            let result = prepare(&bytes[..length], 1024, LIMITS);
            // A cut in the second frame leaves the first one whole.
            if name.starts_with("animated") && result.is_ok() {
                continue;
            }
            assert_eq!(result.err(), Some(PhotoError::CutOff), "{name} at {part}");
        }
    }
}

#[test]
fn a_jpeg_without_its_end_marker_is_cut_off() {
    for style in Style::ALL {
        let bytes = fixtures::jpeg(&fixtures::busy(64, 48), style);
        let without = &bytes[..bytes.len() - 2];
        assert_eq!(prepare(without, 64, LIMITS).err(), Some(PhotoError::CutOff));
    }
}

#[test]
fn what_is_no_image_is_named() {
    let error = prepare(b"<!DOCTYPE html><title>Log in</title>", 64, LIMITS);
    let text = error.expect_err("no image").to_string();
    assert!(text.contains("an HTML page"), "{text}");
}

#[test]
fn the_real_photos_come_out_small_and_whole() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/photos");
    let Ok(entries) = std::fs::read_dir(folder) else {
        #[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
        {
            eprintln!("skipped: no photos beside the repository");
        }
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "jpg") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a readable photo");
        let jpeg = prepared(&bytes, 1024);
        assert_eq!(jpeg.width, 1024);
        assert!(jpeg.bytes.len() < 250_000);
        seen(&jpeg);
        let cut = &bytes[..bytes.len() * 2 / 3];
        assert_eq!(prepare(cut, 1024, LIMITS).err(), Some(PhotoError::CutOff));
    }
}

/// Small enough that a test of many cases stays quick, large enough for all
/// samples.
const SMALL: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 200_000,
    max_memory: 32_000_000,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_are_an_error_and_nothing_else(bytes in prop::collection::vec(any::<u8>(), 0..300), head in 0_usize..8) {
        hush_decoder_panics_once();
        let heads: [&[u8]; 8] = [
            b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8 ",
            b"II*\0\x08\0\0\0", b"BM\0\0\0\0\0\0\0\0", b"\xff\xd8\xff\xc0\0\x11\x08",
        ];
        let file = [heads[head], &bytes].concat();
        let start = Instant::now();
        let _ = prepare(&file, 64, SMALL);
        let _ = crate::photo::facts(&file);
        prop_assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_mutated_file_never_panics_outwards_nor_takes_long(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        hush_decoder_panics_once();
        let files = mutable_samples();
        let mut bytes = files[which.index(files.len())].clone();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let start = Instant::now();
        if let Ok(jpeg) = prepare(&bytes, 64, SMALL) {
            prop_assert!(jpeg.width <= 64 && jpeg.height <= 64);
            prop_assert!(jpeg.width >= 1 && jpeg.height >= 1);
        }
        let _ = crate::photo::facts(&bytes);
        prop_assert!(start.elapsed() < Duration::from_secs(30));
    }
}

fn mutable_samples() -> &'static [Vec<u8>] {
    static FILES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    FILES.get_or_init(|| {
        let parts = ExifParts {
            orientation: Some(6),
            date: Some("2024:05:31 17:04:09"),
            position: None,
        };
        let picture = fixtures::busy(40, 32);
        let mut files: Vec<_> = samples().into_iter().map(|(_, bytes)| bytes).collect();
        files.push(fixtures::jpeg_with_exif(&picture, &parts));
        files.push(fixtures::tiff(&picture, 6));
        files
    })
}

fn hush_decoder_panics_once() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(hush_decoder_panics);
}

/// The four corners, 48x32, as a lossy WebP, which `image` can't write.
const LOSSY_WEBP: &[u8] = &[
    0x52, 0x49, 0x46, 0x46, 0x70, 0x00, 0x00, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x20,
    0x64, 0x00, 0x00, 0x00, 0xd0, 0x04, 0x00, 0x9d, 0x01, 0x2a, 0x30, 0x00, 0x20, 0x00, 0x3e, 0x95,
    0x3a, 0x96, 0x49, 0xa5, 0xa3, 0xa2, 0x21, 0x3a, 0xa8, 0x00, 0xb0, 0x12, 0x89, 0x64, 0x00, 0xc5,
    0x11, 0x41, 0x39, 0x4f, 0xe8, 0x1f, 0x8a, 0xbf, 0x85, 0x7c, 0x93, 0x67, 0x7e, 0x83, 0xb5, 0x4a,
    0x5b, 0xe0, 0x00, 0x00, 0xfe, 0xec, 0x70, 0xdd, 0x37, 0x57, 0x8a, 0xaa, 0xfd, 0x45, 0x81, 0x9e,
    0x19, 0x5b, 0x44, 0xdf, 0x8e, 0x17, 0x5b, 0x7f, 0x7f, 0xba, 0xb7, 0xc2, 0xad, 0xf3, 0x37, 0x70,
    0x6a, 0x06, 0xe5, 0x72, 0x03, 0x57, 0xcc, 0xff, 0x7f, 0x43, 0x6f, 0xff, 0xe4, 0xe5, 0x2f, 0x9b,
    0xe0, 0x9f, 0xdb, 0x35, 0x58, 0x00, 0x00, 0x00,
];
