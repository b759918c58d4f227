//! What a file is, told from its content. Names and content types are not
//! asked: photo archives are full of PNGs called `.jpg`.

/// A format that can be prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Tiff,
    Bmp,
}

const HEIC: &str = "HEIC, which this build can't read";
const AVIF: &str = "AVIF, which this build can't read";
const RAW: &str = "a camera RAW file, which can't be read; export it as JPEG";
const VIDEO: &str = "a video";
const HTML: &str = "an HTML page (perhaps an error or login page instead of the image)";
const JPEG_XL: &str = "JPEG XL, which can't be read";

/// First bytes of files that are no readable image, and what to call them.
/// From the formats' own specifications, as collected in the `file` database.
const STRANGERS: [(&[u8], &str); 18] = [
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"\0MRM", RAW),
    (b"FOVb", RAW),
    (b"\xff\x0a", JPEG_XL),
    (b"\0\0\0\x0cJXL ", JPEG_XL),
    (b"\0\0\0\x0cjP  ", "JPEG 2000, which can't be read"),
    (b"\xff\x4f\xff\x51", "JPEG 2000, which can't be read"),
    (b"\0\0\x01\0", "a Windows icon"),
    (b"\x1a\x45\xdf\xa3", VIDEO),
    (b"version https://git-lfs", "a Git LFS pointer"),
];

/// Recognises a format that can be read, or says what the file looks like.
pub(super) fn recognise(bytes: &[u8]) -> Result<Format, &'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Format::Gif),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Ok(Format::WebP),
        [b'R', b'I', b'F', b'F', ..] => Err(VIDEO),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => {
            if is_raw_in_tiff(bytes) {
                Err(RAW)
            } else {
                Ok(Format::Tiff)
            }
        }
        // The two reserved words are zero in every BMP; with them, a text that
        // begins with "BM" is not taken for one.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Ok(Format::Bmp),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => Err(media_brand(brand)),
        _ => Err(stranger(bytes)),
    }
}

/// ISO base media files name their kind in the four bytes after `ftyp`.
fn media_brand(brand: &[u8]) -> &'static str {
    match brand.get(..4) {
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => HEIC,
        Some(b"avif" | b"avis") => AVIF,
        Some(b"crx ") => RAW,
        _ => VIDEO,
    }
}

fn stranger(bytes: &[u8]) -> &'static str {
    if let Some((_, name)) = STRANGERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    let head = &bytes[..bytes.len().min(1024)];
    if head.iter().all(|byte| *byte == 0) {
        return "a file of zero bytes, as an interrupted copy leaves behind";
    }
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("<!doctype html") || text.contains("<html") || text.contains("<head") {
        HTML
    } else if text.contains("<svg") {
        "SVG, which is a drawing and not a photo"
    } else if text.starts_with('<') {
        "an XML document"
    } else if text.starts_with('{') || text.starts_with('[') {
        "JSON (perhaps an error message instead of the image)"
    } else if text
        .chars()
        .all(|c| c != '\u{fffd}' && (!c.is_control() || c.is_ascii_whitespace()))
    {
        "plain text"
    } else {
        "no known format"
    }
}

/// Most RAW files are TIFFs whose first image is a thumbnail; read as a TIFF,
/// a model would be shown that. They carry a DNG version (tag 50706), Canon's
/// mark after the header, or a first image that calls itself a reduced one
/// (tag 254, bit 0) and keeps the real one in a sub-directory (tag 330).
fn is_raw_in_tiff(bytes: &[u8]) -> bool {
    if bytes.get(8..10) == Some(b"CR") {
        return true;
    }
    let little = bytes[0] == b'I';
    let u16_at = |at: usize| {
        let pair: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    };
    let u32_at = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(four)
        } else {
            u32::from_be_bytes(four)
        })
    };
    let Some(directory) = u32_at(4).map(|offset| offset as usize) else {
        return false;
    };
    let entries = usize::from(u16_at(directory).unwrap_or(0));
    let (mut reduced, mut sub_directory) = (false, false);
    for entry in (0..entries).map(|n| directory + 2 + 12 * n) {
        match u16_at(entry) {
            Some(50706) => return true,
            Some(254) => reduced = u32_at(entry + 8).is_some_and(|kind| kind & 1 == 1),
            Some(330) => sub_directory = true,
            Some(_) => {}
            None => return false,
        }
    }
    reduced && sub_directory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_called_by_its_name() {
        let cases: [(&[u8], &str); 13] = [
            (b"<!DOCTYPE html><html>", "HTML"),
            (b"\xef\xbb\xbf \n<html lang=en>", "HTML"),
            (b"<?xml version='1.0'?><svg xmlns=''/>", "SVG"),
            (b"<?xml version='1.0'?><rss/>", "XML"),
            (b"{\"error\":\"no\"}", "JSON"),
            (b"%PDF-1.7", "PDF"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
            (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x18ftypcrx \0\0\0\0", "RAW"),
            (b"\0\0\0\x18ftypqt  \0\0\0\0", "video"),
            (b"BMW drivers meet in Munich", "plain text"),
            (b"\0\0\0\0\0\0\0\0", "zero bytes"),
            (b"\x01\x02\x03\x04\xfe", "no known format"),
        ];
        for (bytes, expected) in cases {
            let found = recognise(bytes).expect_err("no image");
            assert!(found.contains(expected), "{bytes:?}: {found}");
        }
    }

    #[test]
    fn a_camera_raw_is_not_taken_for_its_thumbnail() {
        let mut canon = b"II*\0\x10\0\0\0CR\x02\0".to_vec();
        canon.extend([0; 32]);
        assert_eq!(recognise(&canon), Err(RAW));

        let directory = |tags: &[(u16, u32)]| {
            let mut bytes = b"II*\0\x08\0\0\0".to_vec();
            bytes.extend((tags.len() as u16).to_le_bytes());
            for (tag, value) in tags {
                bytes.extend(tag.to_le_bytes());
                bytes.extend([4, 0, 1, 0, 0, 0]);
                bytes.extend(value.to_le_bytes());
            }
            bytes.extend([0; 4]);
            bytes
        };
        assert_eq!(recognise(&directory(&[(50706, 1)])), Err(RAW));
        assert_eq!(recognise(&directory(&[(254, 1), (330, 99)])), Err(RAW));
        assert_eq!(
            recognise(&directory(&[(254, 0), (330, 99)])),
            Ok(Format::Tiff)
        );
        assert_eq!(recognise(&directory(&[(256, 10)])), Ok(Format::Tiff));
        assert_eq!(recognise(b"II*\0\xff\xff\xff\xff"), Ok(Format::Tiff));
    }
}
