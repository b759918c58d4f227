//! A PNG without its texts.

use std::borrow::Cow;

/// The signature before the first chunk (PNG specification, 5.2).
const SIGNATURE: usize = 8;
/// Length, type and checksum around the data of a chunk (5.3).
const FRAME: usize = 12;
/// Bytes of pixels that go along with a header.
const FIRST_PIXELS: usize = 1024;

/// The file without its chunks of text (`tEXt`, `zTXt`, `iTXt`), which say
/// nothing of the picture. The decoder keeps every one of them, and counts their
/// letters only: a million empty ones would take a hundred megabytes.
///
/// From a chunk on that is longer than the file, all stays as it is: the decoder
/// will say what is wrong.
pub(super) fn without_texts(file: &[u8]) -> Cow<'_, [u8]> {
    kept(file, file.len())
}

/// What stands before the pixels, without texts, and the first bytes of those: as
/// much as a decoder looks at before it is asked for the picture.
pub(super) fn header(file: &[u8]) -> Cow<'_, [u8]> {
    let mut at = SIGNATURE;
    while let Some((kind, length)) = chunk(file, at) {
        if kind == b"IDAT" {
            let end = (at + FRAME + FIRST_PIXELS).min(file.len());
            return kept(&file[..end], at);
        }
        at += length;
    }
    kept(file, file.len())
}

/// The file without its texts, of which there are none from `end` on.
fn kept(file: &[u8], end: usize) -> Cow<'_, [u8]> {
    let mut kept: Option<Vec<u8>> = None;
    let mut at = SIGNATURE;
    while let Some((kind, length)) = chunk(&file[..end], at) {
        let is_text = matches!(kind, b"tEXt" | b"zTXt" | b"iTXt");
        match &mut kept {
            Some(kept) if !is_text => kept.extend_from_slice(&file[at..at + length]),
            None if is_text => kept = Some(file[..at].to_vec()),
            _ => {}
        }
        at += length;
    }
    match kept {
        Some(mut kept) => {
            kept.extend_from_slice(file.get(at..).unwrap_or_default());
            Cow::Owned(kept)
        }
        None => Cow::Borrowed(file),
    }
}

/// The type and the whole length of the chunk that begins at `at`, if all of it
/// is there.
fn chunk(file: &[u8], at: usize) -> Option<(&[u8; 4], usize)> {
    let (length, rest) = file.get(at..)?.split_first_chunk::<4>()?;
    let length = FRAME.checked_add(u32::from_be_bytes(*length) as usize)?;
    let kind = rest.first_chunk::<4>()?;
    (length <= file.len() - at).then_some((kind, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x02IHDRabCRC.";
    const END: &[u8] = b"\0\0\0\0IENDCRC.";

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn texts_are_left_out_wherever_they_stand() {
        let text = b"\0\0\0\x03tEXta\0bCRC.";
        let packed = b"\0\0\0\0zTXtCRC.";
        let other = b"\0\0\0\x01gAMAxCRC.";
        let file = joined(&[START, text, packed, other, text, text, END, text]);
        assert_eq!(*without_texts(&file), joined(&[START, other, END]));
    }

    #[test]
    fn a_header_ends_where_the_pixels_begin() {
        let text = b"\0\0\0\x03tEXta\0bCRC.";
        let pixels = [&b"\0\0\x10\0IDAT"[..], &[7; 0x1000], b"CRC."].concat();
        let file = joined(&[START, text, &pixels, END]);
        let first = &pixels[..FRAME + FIRST_PIXELS];
        assert_eq!(*header(&file), joined(&[START, first]));
        let file = joined(&[START, text, END]);
        assert_eq!(*header(&file), joined(&[START, END]));
    }

    #[test]
    fn a_file_without_texts_is_not_copied() {
        let file = joined(&[START, END]);
        assert!(matches!(without_texts(&file), Cow::Borrowed(same) if same == file));
    }

    #[test]
    fn from_what_is_cut_off_on_nothing_is_changed() {
        let text = b"\0\0\0\x03tEXta\0bCRC.";
        for length in 1..text.len() {
            let file = joined(&[START, text, &text[..length]]);
            let kept = joined(&[START, &text[..length]]);
            assert_eq!(*without_texts(&file), kept, "{length} bytes");
        }
        for file in [
            &b""[..],
            b"\x89PNG",
            b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt",
        ] {
            assert_eq!(*without_texts(file), *file);
        }
    }
}
