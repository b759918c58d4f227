//! Texts that stand where an alt text should be but that nobody meant as one:
//! camera names, file names (WCAG failure F30), bare "image" or "null".
//!
//! A wrong yes lets us overwrite a person's words, so a text counts only where
//! the whole of it, from end to end, has a shape that programs make and people
//! do not write.

use regex::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// The longest text that is looked at. File systems allow names of 255 bytes;
/// what is longer was written by somebody.
const LONGEST_NAME: usize = 300;

/// Words that programs and page builders leave in an empty field. "Untitled",
/// "none", "spacer" and "logo" are missing on purpose: a person may mean them.
const BARE: [&str; 17] = [
    "image",
    "images",
    "img",
    "photo",
    "photograph",
    "picture",
    "pic",
    "foto",
    "afbeelding",
    "imagen",
    "immagine",
    "imagem",
    "alt",
    "alt text",
    "null",
    "undefined",
    "object object",
];

/// Endings of image files.
const EXTENSION: &str =
    r"\.(?:jpe?g|jpe|jfif|png|gif|webp|heic|heif|tiff?|bmp|avif|svg|dng|cr2|cr3|nef|arw|orf|rw2)";

/// Names that cameras, phones, scanners and messengers give to a picture.
const DEVICE_NAMES: [&str; 19] = [
    // Canon, Apple, Nikon, Sony, Fujifilm, Pentax, Casio, Samsung and others:
    // letters, then a counter.
    r"_?(?:img|mg|dsc|dscn|dscf|dsci|imgp|cimg|imag|pict|hpim|gopr|sdc|mvi|mvimg)[-_ ]?\d{3,8}",
    r"(?:sam|kif|dji|pano|psx|wp)_\d{3,17}(?:_\d{1,6})*(?:_pro)?",
    // Panasonic and Olympus (month as a hexadecimal digit), Leica, Ricoh, Kodak.
    r"p[0-9a-c]\d{6}",
    r"l\d{7}",
    r"r00\d{5}",
    r"\d{3}_\d{4}",
    // Android, WhatsApp, Pixel: a day, and a time or a counter.
    r"(?:img|image|photo|pano|mvimg|burst|vid|scan)?[-_]?(?:19|20)\d{6}[-_](?:\d{4,9}|wa\d{4})",
    r"pxl_\d{8}_\d{6,9}(?:\.[a-z~0-9-]+)*",
    r"photo[-_ ]\d{4}-\d{2}-\d{2}[-_ ]\d{2}[-.]\d{2}[-.]\d{2}",
    r"\d{4}-\d{2}-\d{2}[-_ ]\d{2}[-._:]\d{2}[-._:]\d{2}",
    r"whats?app[-_ ]image[-_ ]\d{4}-\d{2}-\d{2}[-_ ]at[-_ ][\d.:_-]+(?:[-_ ]?[ap]\.?m\.?)?",
    r"signal-\d{4}-\d{2}-\d{2}[-_]\d{6,9}",
    r"(?:fb_img|received|snapchat|instagram|messenger_creation)[-_]\d{6,20}",
    r"\d{6,}_\d{8,}_\d{8,}_[no]",
    // Screenshots, in the languages in which systems name them.
    r"(?:screen ?shot|bildschirmfoto|schermafbeelding|schermata|capture d[’' ]?[eé]cran|captura de (?:pantalla|ecr[aã]|tela))[-_ ](?:from[-_ ]|du[-_ ])?\d{4}-?\d{2}-?\d{2}(?:[-_ ,]+(?:at|um|om|[aà]|alle|[aà] las|às|a las)?[-_ ]?\d{1,2}[-.:_]?\d{2}(?:[-.:_]?\d{2})?(?:[-_ ]?[ap]\.?m\.?)?)?(?:_[a-z0-9.]+)?",
    // Office programs, web downloads, scanners.
    r"(?:image|img|photo|picture|pic|foto)[-_]?\d{1,8}",
    r"(?:image|images|download|unnamed) ?\(\d{1,3}\)",
    r"scan[-_]?\d{3,8}",
    // Identifiers: UUID, MD5, SHA-1, SHA-256.
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}",
];

/// What programs append when they copy, edit or scale a picture.
const SUFFIX: &str = r"(?:[-_~ ]?(?:\(\d{1,3}\)|copy|copia|kopie|edit|edited|bearbeitet|hdr|scaled|cover|burst\d{0,6}|\d{2,5}x\d{2,5}|e\d{13})|[-_~]\d{1,3})";

static DEVICE_NAME: LazyLock<Regex> = LazyLock::new(|| {
    whole(&format!(
        "(?:{}){SUFFIX}{{0,4}}(?:{EXTENSION})?",
        DEVICE_NAMES.join("|")
    ))
});

/// A file name without a space. With spaces it may be a sentence about a file.
static FILE_NAME: LazyLock<Regex> = LazyLock::new(|| whole(&format!(r"[^\s]+{EXTENSION}")));

static IMAGE_ENDING: LazyLock<Regex> = LazyLock::new(|| whole(&format!("(?s:.+){EXTENSION}")));

/// A letter of a script that is written without spaces: a whole sentence looks like
/// one name there.
static UNSPACED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Yi}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}\p{Balinese}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}]",
    )
    .expect("the pattern is valid")
});

fn whole(pattern: &str) -> Regex {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .case_insensitive(true)
        .build()
        .expect("the patterns of this file are valid")
}

/// Whether no person can have meant `text` as an alt text. `photo_name` is the
/// photo's own file-like name: with an image ending it may even hold spaces.
pub fn is_placeholder(text: &str, photo_name: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_NAME {
        return false;
    }
    if UNSPACED.is_match(text) {
        return false;
    }
    let bare = text.trim_matches(|c: char| "[](){}<>\"'.".contains(c));
    BARE.iter().any(|word| word.eq_ignore_ascii_case(bare))
        || FILE_NAME.is_match(text)
        || DEVICE_NAME.is_match(text)
        || is_own_file(text, photo_name.trim())
}

/// Whether the text is the photo's own name, with an image ending on it.
fn is_own_file(text: &str, photo_name: &str) -> bool {
    if photo_name.is_empty() || !IMAGE_ENDING.is_match(text) {
        return false;
    }
    let stem = |name: &str| {
        let cut = if IMAGE_ENDING.is_match(name) {
            name.rfind('.').unwrap_or(name.len())
        } else {
            name.len()
        };
        name[..cut].to_lowercase()
    };
    stem(text) == stem(photo_name)
}

/// Whether a text looks as a machine shortens a title for an address, such as
/// `santa-maddalena-church-in-funes-2`. Only worth a report: "state-of-the-art"
/// has this shape too, and a person may have typed it.
pub fn looks_like_slug(text: &str) -> bool {
    let text = text.trim();
    if text.len() > LONGEST_NAME || text.chars().any(char::is_uppercase) {
        return false;
    }
    let parts: Vec<&str> = text.split(['-', '_']).collect();
    let sound = |part: &&str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    if !parts.iter().all(sound) || !text.chars().any(char::is_alphabetic) {
        return false;
    }
    let numbered = parts
        .iter()
        .any(|part| part.chars().all(|c| c.is_ascii_digit()));
    parts.len() >= 4 || (parts.len() == 3 && (numbered || text.contains('_')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_devices_and_programs_give_are_placeholders() {
        for text in [
            "IMG_1234",
            "img_1234.JPG",
            "IMG 1234",
            "IMG_1234 (1).jpg",
            "IMG_1234-scaled",
            "IMG_1234-1024x768.jpg",
            "IMG_20230514_123456",
            "IMG-20230514-WA0003",
            "IMG_20230514_123456_BURST001_COVER",
            "_MG_1234",
            "DSC01234",
            "DSC_1234",
            "_DSC1234",
            "DSCN1234",
            "DSCF1234",
            "P1010001",
            "PA250012",
            "PXL_20230514_123456789",
            "PXL_20230514_123456789.MP.jpg",
            "20230514_123456",
            "2023-05-14 12.34.56",
            "100_1234",
            "GOPR0123",
            "DJI_0042",
            "Screenshot 2024-01-02 at 12.34.56",
            "Screenshot 2024-01-02 at 12.34.56 PM.png",
            "Screenshot_20240102-123456_Chrome",
            "Screen Shot 2020-01-02 at 1.23.45 PM",
            "Screenshot from 2024-01-02 12-34-56",
            "Bildschirmfoto 2024-01-02 um 12.34.56",
            "Capture d’écran 2024-01-02 à 12.34.56",
            "WhatsApp Image 2024-01-02 at 12.34.56",
            "WhatsApp Image 2024-01-02 at 12.34.56 PM (1).jpeg",
            "signal-2023-05-14-123456",
            "FB_IMG_1234567890123",
            "image001",
            "image-1",
            "photo_12",
            "images (3)",
            "Scan0001",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "d41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert!(is_placeholder(text, "beach"), "{text}");
        }
    }

    #[test]
    fn file_names_and_bare_words_are_placeholders() {
        for text in [
            "sunset.jpg",
            " Sunset.JPEG ",
            "photos/2024/sunset.webp",
            "https://cms.test/files/sunset.png",
            "Oct.jpg",
            "image",
            "Image.",
            "[image]",
            "PHOTO",
            "picture",
            "img",
            "null",
            "undefined",
            "[object Object]",
        ] {
            assert!(is_placeholder(text, "beach"), "{text}");
        }
    }

    #[test]
    fn the_photos_own_file_name_may_hold_spaces() {
        assert!(is_placeholder("Beach at night.jpg", "Beach at night.jpg"));
        assert!(is_placeholder("Beach at night.JPG", "beach at night"));
        assert!(!is_placeholder("Beach at night", "Beach at night.jpg"));
        assert!(!is_placeholder("Beach at noon.jpg", "Beach at night.jpg"));
    }

    #[test]
    fn what_a_person_may_mean_is_not_a_placeholder() {
        for text in [
            "",
            "   ",
            "sunset",
            "1984",
            "5551234567",
            "A sunset.",
            "Photo 1",
            "Figure 3",
            "Untitled",
            "None",
            "N/A",
            "-",
            "Logo",
            "Bild",
            "Screenshot",
            "Screenshot of the settings page",
            "Screenshot 2024-01-02 of the settings page",
            "Image of a dog",
            "Picture of IMG_1234 on a screen",
            "IMG_1234, our dog at the beach",
            "DSC",
            "A window that shows the file sunset.jpg",
            "the file named sunset.jpg",
            "The photo",
            "Two photos",
            "santa-maddalena-church-in-funes-2",
            "shibuya-crossing",
            "P51 Mustang",
            "SAM 7",
            "Sam 1234",
            "Boeing 747",
            "Wembley 1966",
            "Route 66",
            "R2-D2",
            "L1",
            "Dr. No",
            "No. 5",
            "Raw.",
            "Scan of a letter",
            "scan 12",
            "2024-01-02",
            "Windows 10",
            "この画像はsunset.jpg",
            "夕日.jpg",
            "พระอาทิตย์ตก.jpg",
        ] {
            assert!(!is_placeholder(text, "beach.jpg"), "{text}");
            assert!(!is_placeholder(text, "santa-maddalena-church-in-funes-2"));
        }
    }

    #[test]
    fn slugs_are_told_from_hyphenated_words() {
        for text in [
            "santa-maddalena-church-in-funes-2",
            "beach-sunset-2",
            "beach_at_night",
            "été-à-la-plage",
        ] {
            assert!(looks_like_slug(text), "{text}");
        }
        for text in [
            "",
            "sunset",
            "well-known",
            "forget-me-not",
            "tic-tac-toe",
            "Santa-Maddalena-Church-In-Funes",
            "a dog-friendly beach",
            "2024-01-02",
            "--- - ---",
            "555-123-4567",
        ] {
            assert!(!looks_like_slug(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn several_plain_words_are_never_a_placeholder(
            words in prop::collection::vec("[A-Za-z]{2,9}", 3..9),
            name in ".{0,20}",
        ) {
            let text = words.join(" ");
            prop_assert!(!is_placeholder(&text, &name), "{text}");
        }

        #[test]
        fn nothing_in_a_script_without_spaces_is_a_placeholder(
            before in "[a-zA-Z_0-9./ ]{0,12}",
            letter in "[\\p{Han}\\p{Hiragana}\\p{Katakana}\\p{Thai}\\p{Lao}\\p{Khmer}\\p{Myanmar}]",
            after in "[a-zA-Z_0-9./ ]{0,12}(\\.jpg)?",
        ) {
            let text = format!("{before}{letter}{after}");
            let shown = text.clone();
            prop_assert!(!is_placeholder(&text, &shown), "{text}");
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), name in any::<String>()) {
            let _ = (is_placeholder(&text, &name), looks_like_slug(&text));
        }
    }
}
