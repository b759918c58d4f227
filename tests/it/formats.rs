//! As an owner of an old archive I have photos in every format there is, and a
//! model gets each of them as a whole JPEG with the right colours.

use crate::support::photos::inspect_jpeg;
use crate::support::{FakeModel, FakePhoto, FakeSite, Workspace};
use image::codecs::gif::GifEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, Frame, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder};
use std::io::Cursor;

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

/// The colours of the quarters: above left and right, below left and right.
type Quarters = [[u8; 3]; 4];

const COLOURS: Quarters = [[220, 30, 30], [30, 170, 40], [30, 40, 220], [255, 255, 255]];

/// A second frame that nobody is to see.
const LATER: Quarters = [[0, 0, 0], [90, 90, 0], [0, 90, 90], [90, 0, 90]];

const GREYS: Quarters = [[0; 3], [80; 3], [170; 3], [255; 3]];

/// A file, its name's ending, its media type, and what is to be seen.
struct Sample {
    name: &'static str,
    ending: &'static str,
    media: &'static str,
    file: Vec<u8>,
    seen: Quarters,
}

fn quarter(x: u32, y: u32) -> usize {
    usize::from(x >= WIDTH / 2) + 2 * usize::from(y >= HEIGHT / 2)
}

fn picture(colours: Quarters) -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb(colours[quarter(x, y)]))
}

fn written(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let picture: DynamicImage = picture.into();
    picture
        .write_to(&mut file, format)
        .expect("a file in memory");
    file.into_inner()
}

fn samples() -> Vec<Sample> {
    let sample = |name, ending, media, file| Sample {
        name,
        ending,
        media,
        file,
        seen: COLOURS,
    };
    let png = "image/png";
    let mut samples = vec![
        sample(
            "tiff",
            "tif",
            "image/tiff",
            written(picture(COLOURS), ImageFormat::Tiff),
        ),
        sample(
            "bmp",
            "bmp",
            "image/bmp",
            written(picture(COLOURS), ImageFormat::Bmp),
        ),
        sample("cmyk", "jpg", "image/jpeg", cmyk(ColorType::Cmyk)),
        sample("ycck", "jpeg", "image/jpeg", cmyk(ColorType::CmykAsYcck)),
        sample("deep png", "png", png, sixteen_bits()),
        sample("still webp", "webp", "image/webp", still_webp(COLOURS)),
        sample("animated webp", "webp", "image/webp", animated_webp()),
        sample("animated png", "png", png, animated_png()),
        sample("animated gif", "gif", "image/gif", animated_gif()),
        sample("palette with transparency", "png", png, palette()),
    ];
    let grey = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| Luma([GREYS[quarter(x, y)][0]]));
    samples.push(Sample {
        seen: GREYS,
        ..sample("grey", "png", png, written(grey, ImageFormat::Png))
    });
    samples
}

/// As Adobe's programs write them: four inks, inverted, with an Adobe segment.
fn cmyk(kind: ColorType) -> Vec<u8> {
    let inks = picture(COLOURS);
    let inks = inks
        .pixels()
        .flat_map(|Rgb([r, g, b])| [255 - r, 255 - g, 255 - b, 0]);
    let inks: Vec<u8> = inks.collect();
    let mut file = Vec::new();
    Encoder::new(&mut file, 95)
        .encode(&inks, WIDTH as u16, HEIGHT as u16, kind)
        .expect("a file in memory");
    assert!(
        file.windows(5).any(|bytes| bytes == b"Adobe"),
        "no Adobe segment"
    );
    file
}

fn sixteen_bits() -> Vec<u8> {
    let deep = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| {
        Rgb(COLOURS[quarter(x, y)].map(|value| u16::from(value) * 257))
    });
    let file = written(DynamicImage::ImageRgb16(deep), ImageFormat::Png);
    assert_eq!(file[24], 16, "the depth in the PNG's header");
    file
}

fn animated_gif() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for colours in [COLOURS, LATER] {
        let frame = DynamicImage::from(picture(colours)).into_rgba8();
        encoder
            .encode_frame(Frame::new(frame))
            .expect("a file in memory");
    }
    drop(encoder);
    file
}

fn still_webp(colours: Quarters) -> Vec<u8> {
    let mut file = Vec::new();
    WebPEncoder::new_lossless(&mut file)
        .encode(
            picture(colours).as_raw(),
            WIDTH,
            HEIGHT,
            image::ExtendedColorType::Rgb8,
        )
        .expect("a file in memory");
    file
}

/// A RIFF chunk, padded to an even length.
fn riff(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend((content.len() as u32).to_le_bytes());
    chunk.extend(content);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// The container of the WebP specification: a header, and a still picture's
/// data for each frame.
fn animated_webp() -> Vec<u8> {
    let size = |value: u32| value.to_le_bytes()[..3].to_vec();
    let canvas = [size(WIDTH - 1), size(HEIGHT - 1)].concat();
    let mut content = b"WEBP".to_vec();
    content.extend(riff(*b"VP8X", &[&[0x02, 0, 0, 0][..], &canvas].concat()));
    content.extend(riff(*b"ANIM", &[0, 0, 0, 0, 0, 0]));
    for colours in [COLOURS, LATER] {
        let still = still_webp(colours);
        let mut frame = [size(0), size(0), canvas.clone(), size(100)].concat();
        frame.push(0b10);
        frame.extend(&still[12..]);
        content.extend(riff(*b"ANMF", &frame));
    }
    riff(*b"RIFF", &content)
}

/// A PNG chunk with its checksum.
fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = (content.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(content);
    let mut crc = u32::MAX;
    for byte in &chunk[4..] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    chunk.extend((!crc).to_be_bytes());
    chunk
}

/// The data of all chunks of this name.
fn data_of(file: &[u8], name: [u8; 4]) -> Vec<u8> {
    let (mut at, mut data) = (8, Vec::new());
    while at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
        if file[at + 4..at + 8] == name {
            data.extend(&file[at + 8..at + 8 + length]);
        }
        at += 12 + length;
    }
    data
}

/// An APNG: the usual chunks, which show the first frame, and beside them what
/// tells of the second.
fn animated_png() -> Vec<u8> {
    let [first, second] =
        [COLOURS, LATER].map(|colours| written(picture(colours), ImageFormat::Png));
    let control = |number: u32| {
        let mut content = number.to_be_bytes().to_vec();
        for value in [WIDTH, HEIGHT, 0, 0] {
            content.extend(value.to_be_bytes());
        }
        content.extend([0, 1, 0, 10, 0, 0]);
        content
    };
    let mut file = first[..8].to_vec();
    file.extend(chunk(*b"IHDR", &data_of(&first, *b"IHDR")));
    file.extend(chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]));
    file.extend(chunk(*b"fcTL", &control(0)));
    file.extend(chunk(*b"IDAT", &data_of(&first, *b"IDAT")));
    file.extend(chunk(*b"fcTL", &control(1)));
    let frame = [&[0, 0, 0, 2][..], &data_of(&second, *b"IDAT")].concat();
    file.extend(chunk(*b"fdAT", &frame));
    file.extend(chunk(*b"IEND", &[]));
    file
}

/// Four colours by number, the last one transparent (and black where somebody
/// forgets that).
fn palette() -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..HEIGHT {
        rows.push(0);
        rows.extend((0..WIDTH).map(|x| quarter(x, y) as u8));
    }
    let mut header = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    header.extend([8, 3, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(*b"IHDR", &header));
    let colours = [COLOURS[0], COLOURS[1], COLOURS[2], [0, 0, 0]].concat();
    file.extend(chunk(*b"PLTE", &colours));
    file.extend(chunk(*b"tRNS", &[255, 255, 255, 0]));
    file.extend(chunk(*b"IDAT", &stored(&rows)));
    file.extend(chunk(*b"IEND", &[]));
    file
}

/// Bytes as a zlib stream without compression.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01, 1];
    let length = u16::try_from(bytes.len()).expect("one block");
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(bytes);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// Fails unless the model got each sample as it should look.
fn check(model: &FakeModel, samples: &[Sample]) {
    assert!(model.violations().is_empty(), "{:?}", model.violations());
    let calls = model.calls();
    for sample in samples {
        let name = sample.name;
        let call = calls
            .iter()
            .find(|call| call.prompt.contains(&title(sample)));
        let hash = call.and_then(|call| call.image.clone());
        let hash = hash.unwrap_or_else(|| panic!("{name} did not reach the model"));
        let file = model
            .picture(&hash)
            .expect("the fake keeps what it looked at");
        let facts = inspect_jpeg(&file).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!((facts.width, facts.height), (WIDTH, HEIGHT), "{name}");
        assert!(facts.metadata.is_empty(), "{name}: {:?}", facts.metadata);
        let sent = image::load_from_memory(&file)
            .expect("a whole JPEG")
            .into_rgb8();
        for x in [WIDTH / 4, WIDTH * 3 / 4] {
            for y in [HEIGHT / 4, HEIGHT * 3 / 4] {
                let (got, wanted) = (sent.get_pixel(x, y).0, sample.seen[quarter(x, y)]);
                let off = got.iter().zip(wanted).map(|(a, b)| a.abs_diff(b)).max();
                assert!(
                    off < Some(16),
                    "{name} at {x}, {y}: {got:?} instead of {wanted:?}"
                );
            }
        }
    }
}

fn title(sample: &Sample) -> String {
    format!("Page of a {}", sample.name)
}

fn id(sample: &Sample) -> String {
    format!("formats/{}", sample.name.replace(' ', "-"))
}

/// A site with the samples, served over HTTP under the names of derivatives.
fn library(samples: &[Sample]) -> (FakeSite, FakeModel, Workspace) {
    let (site, model) = (FakeSite::start(), FakeModel::openai());
    for sample in samples {
        let mut photo = FakePhoto::new(&title(sample)).pixels(sample.file.clone());
        sample.media.clone_into(&mut photo.content_type);
        site.add(&id(sample), photo);
    }
    let workspace = Workspace::album(&site, &model);
    (site, model, workspace)
}

#[test]
fn every_format_arrives_as_a_jpeg_of_the_right_colours_over_http() {
    let samples = samples();
    let (site, model, workspace) = library(&samples);
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), samples.len() as u64);
    check(&model, &samples);
    assert_eq!(site.writes().len(), samples.len());
}

#[test]
fn every_format_arrives_as_a_jpeg_of_the_right_colours_from_a_directory() {
    let samples = samples();
    let (site, model, mut workspace) = library(&samples);
    for sample in &samples {
        let path = format!("originals/{}.{}", id(sample), sample.ending);
        workspace.write(&path, &sample.file);
    }
    let mut pixels = toml::Table::new();
    pixels.insert("dir".to_owned(), "originals".into());
    workspace.set("site.pixels", pixels);
    // The directory is the list.
    workspace.unset("site.manifest");
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), samples.len() as u64);
    check(&model, &samples);
    assert_eq!(site.writes().len(), samples.len());
}
