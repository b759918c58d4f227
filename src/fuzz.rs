//! The ways in which foreign bytes get in, one function each, for the fuzzer in
//! `fuzz/` and for the test that plays its corpora again. Not part of the
//! program: it is compiled for tests and by `cargo fuzz` alone.
//!
//! Every function takes any bytes. A fault is a panic, an endless loop, or more
//! memory than the fuzzer allows.

use crate::archive::{Context, Finish, Language};
use crate::photo::{self, Limits};
use crate::quality::{Asked, assess};
use crate::report::sheet;
use std::sync::Once;

pub use crate::config::fuzz::{models, settings};
pub use crate::model::fuzz::replies;
pub use crate::site::fuzz::{manifest, pages, site};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them by their names, which are those of the folders in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 9] = [
    ("caption", caption),
    ("image", image),
    ("manifest", manifest),
    ("models", models),
    ("pages", pages),
    ("replies", replies),
    ("settings", settings),
    ("site", site),
    ("table", table),
];

/// Small, so that the fuzzer finds paths and not only large pictures.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 250_000,
    max_memory: 16_000_000,
};

/// An image file: what it is, its EXIF, the memory it asks for, its picture.
pub fn image(bytes: &[u8]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(photo::hush_decoder_panics);
    let _ = photo::facts(bytes);
    let _ = photo::memory(bytes, 64, LIMITS.max_memory);
    if let Ok(jpeg) = photo::prepare(bytes, 64, LIMITS) {
        assert!(jpeg.width.max(jpeg.height) <= 64, "scaled down");
        assert!(jpeg.bytes.starts_with(&[0xff, 0xd8, 0xff]), "a JPEG");
    }
}

/// A caption, through cleaning and every check. The first byte says how the reply
/// ended; what comes before a line of dashes is the photo's title.
pub fn caption(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let finish = match first % 3 {
        0 => Finish::Stop,
        1 => Finish::Length,
        _ => Finish::Refused,
    };
    let text = String::from_utf8_lossy(rest);
    let (title, caption) = text.split_once("\n---\n").unwrap_or(("", &text));
    let context = Context {
        title: (!title.is_empty()).then(|| title.to_owned()),
        ..Context::default()
    };
    let asked = Asked {
        prompt: title,
        context: &context,
        language: &Language::new("en"),
        photo_name: "IMG_1234",
    };
    let assessment = assess(caption, finish, &asked);
    let again = assess(&assessment.text, finish, &asked);
    assert_eq!(again.text, assessment.text, "what is clean stays as it is");
}

/// A table of decisions that came back from a spreadsheet.
pub fn table(bytes: &[u8]) {
    if let Ok(read) = sheet::read(bytes) {
        for refusal in &read.refused {
            assert!(refusal.line > 0, "lines are counted from 1");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Instant;

    #[test]
    #[expect(clippy::print_stderr, reason = "names the file that fails")]
    fn every_file_of_the_corpora_is_taken() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            let folder = corpora.join(name);
            let entries = std::fs::read_dir(&folder);
            let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            let mut files: Vec<_> = entries
                .map(|entry| entry.expect("readable").path())
                .collect();
            files.sort();
            assert!(files.len() >= 3, "{name} has {} files", files.len());
            for file in files {
                let bytes = std::fs::read(&file).expect("readable");
                // The name is printed if the next line fails.
                eprintln!("{}", file.display());
                target(&bytes);
            }
        }
    }

    /// Without a fuzzer at hand: every file of the corpora with random changes. A
    /// moment by default; `ALTFILL_FUZZ_SECONDS` says how long for each target.
    #[test]
    #[expect(clippy::print_stderr, reason = "says how much was tried")]
    fn changed_files_of_the_corpora_are_taken_too() {
        let seconds = std::env::var("ALTFILL_FUZZ_SECONDS").ok();
        let seconds: f64 = seconds.map_or(0.2, |text| text.parse().expect("a number"));
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            // The same changes everywhere, as far as the time goes.
            let mut random = fastrand::Rng::with_seed(7);
            let entries = std::fs::read_dir(corpora.join(name)).expect("a corpus");
            let mut paths: Vec<_> = entries
                .map(|entry| entry.expect("readable").path())
                .collect();
            paths.sort();
            let files: Vec<_> = paths
                .iter()
                .map(|path| std::fs::read(path).expect("readable"))
                .collect();
            let (start, mut tried) = (Instant::now(), 0_u64);
            while start.elapsed().as_secs_f64() < seconds {
                let bytes = changed(&files, &mut random);
                // What fails is the last one written.
                let last = std::env::temp_dir().join(format!("altfill-fuzz-{name}"));
                if std::env::var_os("ALTFILL_FUZZ_SECONDS").is_some() {
                    std::fs::write(last, &bytes).expect("a scratch file");
                }
                let began = Instant::now();
                target(&bytes);
                assert!(
                    began.elapsed().as_secs() < 20,
                    "{name} took {:?}",
                    began.elapsed()
                );
                tried += 1;
            }
            eprintln!("{name}: {tried} tried");
        }
    }

    /// One of the files after some of what goes wrong with files.
    fn changed(files: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
        const STRANGE: [u32; 8] = [0, 1, 0x7f, 0xff, 0x8000, 0xffff, 0x7fff_ffff, u32::MAX];
        let mut bytes = files[random.usize(..files.len())].clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(..=bytes.len());
            match random.u8(..8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, random.u8(..)),
                2 | 3 if at < bytes.len() => bytes[at] = random.u8(..),
                4 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
                5 => {
                    let other = &files[random.usize(..files.len())];
                    let from = random.usize(..=other.len());
                    bytes.splice(at.., other[from..].iter().copied());
                }
                6 => {
                    let end = (at + random.usize(..64)).min(bytes.len());
                    let part = bytes[at..end].repeat(random.usize(1..40));
                    bytes.splice(at..at, part);
                }
                _ => {
                    let word = STRANGE[random.usize(..STRANGE.len())];
                    let word = if random.bool() {
                        word.to_le_bytes()
                    } else {
                        word.to_be_bytes()
                    };
                    let end = (at + 4).min(bytes.len());
                    bytes.splice(at..end, word);
                }
            }
        }
        bytes.truncate(1 << 18);
        bytes
    }

    #[test]
    fn every_target_has_a_fuzzer() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
        for (name, _) in TARGETS {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(fuzz.join(format!("targets/{name}.rs")).exists(), "{name}");
        }
    }
}
