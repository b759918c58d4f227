//! What stands before the picture in a JPEG file, read without the picture: the
//! XMP packet, and where the picture itself begins (ITU-T T.81, annex B).

use std::io::{self, Read, Seek, SeekFrom};

/// What an APP1 segment with the XMP packet begins with (XMP specification, part 3).
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Segments before the picture at most. Files with many pieces of a colour profile
/// or of large metadata have some hundreds.
const MOST_SEGMENTS: usize = 4096;

/// Bytes at each end of the picture's data that stand for all of it.
const SAMPLE: u64 = 64 * 1024;

/// The XMP packet that a JPEG carries in itself; `None` for other files, and
/// where there is none. What did not fit into one segment (Extended XMP) is left
/// out: it holds thumbnails and the like.
///
/// # Errors
/// Only those of reading.
pub fn embedded_xmp(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let mut segments = Segments::new(file);
    while let Some(segment) = segments.next()? {
        if segment.marker == 0xe1 {
            let content = segments.content(segment)?;
            if let Some(packet) = content.strip_prefix(XMP) {
                return Ok(Some(packet.to_vec()));
            }
        }
    }
    Ok(None)
}

/// Stands for the picture in a JPEG: its tables, the length of its data and both
/// ends of it. What programs write into the metadata changes nothing of that.
/// `None` for what is no whole JPEG.
///
/// # Errors
/// Only those of reading.
pub fn picture_mark(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut hash = blake3::Hasher::new();
    let mut segments = Segments::new(file);
    let picture = loop {
        let Some(segment) = segments.next()? else {
            return Ok(None);
        };
        match segment.marker {
            0xe0..=0xef | 0xfe => {}
            0xda => break segment.at,
            marker => {
                let content = segments.content(segment)?;
                hash.update(&[marker]).update(&content);
            }
        }
    };
    let data = length.saturating_sub(picture);
    let first = sample(file, picture, data.min(SAMPLE))?;
    let rest = data.saturating_sub(SAMPLE).min(SAMPLE);
    let last = sample(file, length.saturating_sub(rest), rest)?;
    hash.update(&first).update(&last);
    let digest = hash.finalize().to_hex();
    Ok(Some(format!("jpeg:{data}-{}", &digest[..16])))
}

fn sample(file: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// One segment: its marker, and where its content is.
#[derive(Clone, Copy)]
struct Segment {
    marker: u8,
    at: u64,
    length: u16,
}

struct Segments<'f, F> {
    file: &'f mut F,
    at: u64,
    met: usize,
}

impl<'f, F: Read + Seek> Segments<'f, F> {
    fn new(file: &'f mut F) -> Self {
        Self {
            file,
            at: 0,
            met: 0,
        }
    }

    /// The next segment, the start of the picture's data included; `None` at what
    /// is no segment.
    fn next(&mut self) -> io::Result<Option<Segment>> {
        if self.at == 0 {
            if sample(self.file, 0, 2)? != [0xff, 0xd8] {
                return Ok(None);
            }
            self.at = 2;
        }
        self.met += 1;
        // Any number of these may fill up before a marker; real files have few.
        let head = sample(self.file, self.at, 16)?;
        let fill = head.iter().take_while(|byte| **byte == 0xff).count();
        let after = head.get(fill..fill + 3);
        let (Some(&[marker, high, low]), true) = (after, fill > 0 && self.met <= MOST_SEGMENTS)
        else {
            return Ok(None);
        };
        let at = self.at + fill as u64 + 3;
        let length = u16::from_be_bytes([high, low]).saturating_sub(2);
        let ends = matches!(marker, 0x00..=0x01 | 0xd0..=0xd9);
        self.at = at + u64::from(length);
        Ok((!ends).then_some(Segment { marker, at, length }))
    }

    fn content(&mut self, segment: Segment) -> io::Result<Vec<u8>> {
        sample(self.file, segment.at, u64::from(segment.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::fixtures;
    use std::io::Cursor;

    fn with_segment(file: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
        let mut segment = vec![0xff, marker];
        segment.extend((content.len() as u16 + 2).to_be_bytes());
        segment.extend(content);
        [&file[..2], &segment, &file[2..]].concat()
    }

    fn picture(file: &[u8]) -> Option<String> {
        picture_mark(&mut Cursor::new(file)).expect("memory can be read")
    }

    #[test]
    fn a_packet_is_found_among_other_segments() {
        let mut plain = Vec::new();
        jpeg_encoder::Encoder::new(&mut plain, 80)
            .encode(
                &fixtures::corners(32, 24),
                32,
                24,
                jpeg_encoder::ColorType::Rgb,
            )
            .expect("a small picture");
        let find = |file: &[u8]| embedded_xmp(&mut Cursor::new(file)).expect("memory");
        assert_eq!(find(&plain), None);
        let packet = [XMP, b"<x/>"].concat();
        let file = with_segment(&plain, 0xe1, &packet);
        let file = with_segment(&file, 0xe1, b"Exif\0\0nothing");
        assert_eq!(find(&file).as_deref(), Some(&b"<x/>"[..]));
        for end in 0..file.len().min(600) {
            let _ = (find(&file[..end]), picture(&file[..end]));
        }
        for strange in [
            &b""[..],
            b"\xff\xd8",
            b"\xff\xd8\xff\xff",
            b"\x89PNG",
            &[0xff; 99],
        ] {
            assert_eq!((find(strange), picture(strange)), (None, None));
        }
    }

    #[test]
    fn metadata_leaves_the_picture_the_same_and_another_picture_does_not() {
        let parts = fixtures::ExifParts::default();
        let one = fixtures::jpeg_with_exif(&fixtures::corners(320, 240), &parts);
        let other = fixtures::jpeg_with_exif(&fixtures::corners(240, 320), &parts);
        assert!(picture(&one).is_some());
        assert_eq!(
            picture(&one),
            picture(&with_segment(&one, 0xe1, b"a rating"))
        );
        assert_eq!(
            picture(&one),
            picture(&with_segment(&one, 0xfe, b"a comment"))
        );
        assert_ne!(picture(&one), picture(&other));
    }
}
