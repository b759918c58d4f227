//! The segments of a JPEG file (ITU-T T.81, annex B), walked once.

use crate::photo::PhotoError;

/// Follows the data of every scan. Each pair is one byte of ones (a 0xFF in
/// scan data is written with a zero after it), and a code of all ones does not
/// exist: T.81, annex C, reserves it. A decoder that is done reads at most 8
/// bytes ahead and never decodes them.
const PADDING: [u8; 64] = {
    let mut padding = [0; 64];
    let mut at = 0;
    while at < padding.len() {
        padding[at] = 0xff;
        at += 2;
    }
    padding
};

/// Real progressive files have about ten scans. Every scan visits every block,
/// so a file with thousands of empty ones is an attack on our time.
const MOST_SCANS: usize = 100;

/// How the components of a pixel are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    YCbCr,
    Rgb,
    /// Four inks, stored as 255 minus the ink where Adobe software wrote them.
    Cmyk {
        inverted: bool,
    },
    /// Four inks, the first three turned into YCbCr; always inverted.
    Ycck,
}

/// A JPEG file taken apart.
#[derive(Debug)]
pub(in crate::photo) struct Layout<'a> {
    /// Pixels across, as stored.
    pub(in crate::photo) width: u16,
    /// Pixels down, as stored.
    pub(in crate::photo) height: u16,
    /// The TIFF structure of the first EXIF segment.
    pub(in crate::photo) exif: Option<&'a [u8]>,
    /// How to read its components.
    pub(super) colour: Colour,
    /// Whether one sequential scan without restart markers holds everything.
    pub(super) simple: bool,
    /// The picture alone: no metadata, [`PADDING`] after each scan, an end.
    pub(super) stream: Vec<u8>,
}

/// The frame header.
#[derive(Clone, Debug)]
struct Frame {
    progressive: bool,
    width: u16,
    height: u16,
    components: Vec<Component>,
}

#[derive(Clone, Copy, Debug)]
struct Component {
    id: u8,
    across: usize,
    down: usize,
    /// One bit for each coefficient that is known to its last bit.
    finished: u64,
}

/// What a scan header says of its data.
struct Scan {
    /// Indices into the frame's components.
    components: Vec<usize>,
    /// The first and the last coefficient.
    band: (u8, u8),
    /// Whether it adds a bit to coefficients of earlier scans.
    refines: bool,
    /// Whether further bits follow in later scans.
    to_be_refined: bool,
}

impl<'a> Layout<'a> {
    /// Walks the file. Fails where what is there can't be a whole picture.
    pub(in crate::photo) fn read(bytes: &'a [u8]) -> Result<Self, PhotoError> {
        Walk::new(bytes).run()
    }
}

/// The walk through one file.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    stream: Vec<u8>,
    frame: Option<Frame>,
    exif: Option<&'a [u8]>,
    jfif: bool,
    adobe: Option<u8>,
    restarts: bool,
    scans: usize,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut stream = Vec::with_capacity(bytes.len() + PADDING.len() + 2);
        stream.extend([0xff, 0xd8]);
        Self {
            bytes,
            at: 2,
            stream,
            frame: None,
            exif: None,
            jfif: false,
            adobe: None,
            restarts: false,
            scans: 0,
        }
    }

    fn run(mut self) -> Result<Layout<'a>, PhotoError> {
        loop {
            match self.marker()? {
                // Marks without a segment; strays are harmless here.
                0x01 | 0xd0..=0xd8 => {}
                0xd9 => return self.finish(false),
                0xda => {
                    if self.scan()? {
                        // One sequential scan holds the whole picture. Whatever
                        // follows it (the end marker, the video of a motion
                        // photo) is not looked at.
                        return self.finish(true);
                    }
                }
                marker => self.segment(marker)?,
            }
        }
    }

    /// Goes past the next marker and gives its code. Bytes before it are
    /// skipped, as every common decoder does, since some cameras write such.
    fn marker(&mut self) -> Result<u8, PhotoError> {
        let rest = &self.bytes[self.at..];
        let found = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
            .ok_or(PhotoError::CutOff)?;
        self.at += found + 2;
        Ok(rest[found + 1])
    }

    /// The content of the segment at hand, without its length.
    fn content(&mut self) -> Result<&'a [u8], PhotoError> {
        let length = self
            .bytes
            .get(self.at..self.at + 2)
            .map(|pair| usize::from(pair[0]) << 8 | usize::from(pair[1]))
            .ok_or(PhotoError::CutOff)?;
        if length < 2 {
            return Err(PhotoError::damaged("a segment is shorter than its length"));
        }
        let content = self
            .bytes
            .get(self.at + 2..self.at + length)
            .ok_or(PhotoError::CutOff)?;
        self.at += length;
        Ok(content)
    }

    fn segment(&mut self, marker: u8) -> Result<(), PhotoError> {
        let content = self.content()?;
        match marker {
            0xc0..=0xc2 => {
                self.frame(marker, content)?;
                self.keep(marker, content);
            }
            0xc4 | 0xdb => self.keep(marker, content),
            0xdd => {
                self.restarts |= content.iter().any(|byte| *byte != 0);
                self.keep(marker, content);
            }
            0xc3 | 0xc5..=0xcf => {
                return Err(PhotoError::UnknownFormat {
                    looks_like: "a lossless, hierarchical or arithmetic-coded JPEG, which can't be read",
                });
            }
            0xe0 if content.starts_with(b"JFIF\0") => self.jfif = true,
            // Says that the Huffman tables are the standard ones.
            0xe0 if content.starts_with(b"AVI1") => self.keep(marker, content),
            0xe1 if self.exif.is_none() => self.exif = content.strip_prefix(b"Exif\0\0"),
            0xee if content.starts_with(b"Adobe") => self.adobe = content.get(11).copied(),
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, marker: u8, content: &[u8]) {
        self.stream.extend([0xff, marker]);
        // The content came with a two-byte length, so it fits one.
        self.stream.extend((content.len() as u16 + 2).to_be_bytes());
        self.stream.extend(content);
    }

    fn frame(&mut self, marker: u8, content: &[u8]) -> Result<(), PhotoError> {
        let short = || PhotoError::damaged("its frame header makes no sense");
        if self.frame.is_some() {
            return Err(PhotoError::damaged("it has two frame headers"));
        }
        let [precision, h1, h0, w1, w0, count, rest @ ..] = content else {
            return Err(short());
        };
        if *precision != 8 {
            return Err(PhotoError::UnknownFormat {
                looks_like: "a 12-bit JPEG, which can't be read",
            });
        }
        let width = u16::from_be_bytes([*w1, *w0]);
        let height = u16::from_be_bytes([*h1, *h0]);
        let components: Vec<_> = rest
            .chunks_exact(3)
            .take(usize::from(*count))
            .map(|part| Component {
                id: part[0],
                across: usize::from(part[1] >> 4),
                down: usize::from(part[1] & 15),
                finished: 0,
            })
            .collect();
        let sampling_fits = components
            .iter()
            .all(|part| (1..=4).contains(&part.across) && (1..=4).contains(&part.down));
        if width == 0
            || height == 0
            || components.len() != usize::from(*count)
            || !matches!(count, 1 | 3 | 4)
            || !sampling_fits
        {
            return Err(short());
        }
        self.frame = Some(Frame {
            progressive: marker == 0xc2,
            width,
            height,
            components,
        });
        Ok(())
    }

    /// Copies a scan. True if it is the only one that the picture needs.
    fn scan(&mut self) -> Result<bool, PhotoError> {
        self.scans += 1;
        if self.scans > MOST_SCANS {
            return Err(PhotoError::damaged("it has too many scans"));
        }
        let header = self.content()?;
        let Some(frame) = &mut self.frame else {
            return Err(PhotoError::damaged("a scan comes before the frame header"));
        };
        let scan = frame
            .read_scan(header)
            .ok_or_else(|| PhotoError::damaged("a scan header makes no sense"))?;
        let data = scan_data(&self.bytes[self.at..]).ok_or(PhotoError::CutOff)?;
        if data.len() < frame.least_bytes(&scan) {
            return Err(PhotoError::damaged("a scan has too little data"));
        }
        frame.note(&scan);
        let complete = !frame.progressive && scan.components.len() == frame.components.len();
        self.at += data.len();
        self.keep(0xda, header);
        self.stream.extend(data);
        self.stream.extend(PADDING);
        Ok(complete)
    }

    fn finish(mut self, complete_scan: bool) -> Result<Layout<'a>, PhotoError> {
        let colour = self.colour();
        let frame = self
            .frame
            .ok_or_else(|| PhotoError::damaged("it has no frame header"))?;
        if !frame.is_finished() {
            return Err(PhotoError::damaged("some of its scans are missing"));
        }
        self.stream.extend([0xff, 0xd9]);
        Ok(Layout {
            width: frame.width,
            height: frame.height,
            exif: self.exif,
            colour,
            simple: complete_scan && !self.restarts,
            stream: self.stream,
        })
    }

    /// What libjpeg concludes from the same marks (`jdapimin.c`).
    fn colour(&self) -> Colour {
        let ids: Vec<u8> = self
            .frame
            .iter()
            .flat_map(|frame| frame.components.iter().map(|part| part.id))
            .collect();
        match (ids.as_slice(), self.adobe) {
            ([_], _) => Colour::Grey,
            ([_, _, _], _) if self.jfif => Colour::YCbCr,
            ([_, _, _], Some(0)) | (b"RGB", None) => Colour::Rgb,
            ([_, _, _, _], Some(2)) => Colour::Ycck,
            ([_, _, _, _], adobe) => Colour::Cmyk {
                inverted: adobe.is_some(),
            },
            _ => Colour::YCbCr,
        }
    }
}

/// The entropy-coded data at the start of `bytes`, up to the first marker that
/// is no restart. `None` if there is no such marker. What comes then may
/// decode well (an interrupted copy often ends in zeros, and zeros are a valid
/// code), so a file without any end is never trusted.
fn scan_data(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            0 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(&bytes[..at]),
        }
    }
}

impl Frame {
    fn read_scan(&self, header: &[u8]) -> Option<Scan> {
        let (&count, rest) = header.split_first()?;
        let count = usize::from(count);
        let (selectors, rest) = rest.split_at_checked(2 * count)?;
        let &[first, last, bits, ..] = rest else {
            return None;
        };
        let components = selectors
            .chunks_exact(2)
            .map(|pair| self.components.iter().position(|part| part.id == pair[0]))
            .collect::<Option<Vec<_>>>()?;
        let sensible = (1..=4).contains(&count) && first <= last && last < 64;
        sensible.then_some(Scan {
            components,
            band: if self.progressive {
                (first, last)
            } else {
                (0, 63)
            },
            refines: self.progressive && bits >> 4 != 0,
            to_be_refined: self.progressive && bits & 15 != 0,
        })
    }

    fn note(&mut self, scan: &Scan) {
        if scan.to_be_refined {
            return;
        }
        let (first, last) = scan.band;
        for index in &scan.components {
            self.components[*index].finished |= (u64::MAX >> (63 - last)) & (u64::MAX << first);
        }
    }

    /// Whether all that a viewer would miss has been delivered: the brightness
    /// in full, and at least the mean colour of each block.
    fn is_finished(&self) -> bool {
        self.components.iter().all(|part| part.finished & 1 == 1)
            && self.components[0].finished == u64::MAX
    }

    /// A scan that refines mean values spends exactly one bit on each block,
    /// and without any Huffman code, so it would decode the padding happily.
    /// This is the one kind of scan whose length is known beforehand.
    fn least_bytes(&self, scan: &Scan) -> usize {
        if !scan.refines || scan.band.0 != 0 {
            return 0;
        }
        let most =
            |size: fn(&Component) -> usize| self.components.iter().map(size).max().unwrap_or(1);
        let (across, down) = (most(|part| part.across), most(|part| part.down));
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let blocks: usize = match scan.components.as_slice() {
            [only] => {
                let part = self.components[*only];
                (width * part.across).div_ceil(8 * across) * (height * part.down).div_ceil(8 * down)
            }
            several => {
                let units = width.div_ceil(8 * across) * height.div_ceil(8 * down);
                several
                    .iter()
                    .map(|index| self.components[*index])
                    .map(|part| units * part.across * part.down)
                    .sum()
            }
        };
        blocks.div_ceil(8)
    }
}
