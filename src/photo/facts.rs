//! What a camera wrote into the file: the day and the place.

use super::guard::guarded;
use exif::{DateTime, Exif, In, Reader, Tag, Value};
use std::io::Cursor;

/// What the EXIF of a photo says. What is missing or makes no sense is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The day it was taken, such as `2024-05-31`, by the camera's clock.
    pub date: Option<String>,
    /// Where it was taken.
    pub position: Option<Position>,
}

/// A place on Earth (WGS 84). Never sent to a model: at most it becomes a
/// place name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Degrees north of the equator, -90 to 90.
    pub latitude: f64,
    /// Degrees east of Greenwich, -180 to 180.
    pub longitude: f64,
}

/// The year of the oldest photograph that survives. Earlier dates are zeros or
/// a camera's idea of never.
const FIRST_PHOTO: i16 = 1826;

/// Reads the facts out of a JPEG, PNG, WebP, TIFF or HEIC file. Never fails.
///
/// The day is `DateTimeOriginal` alone. The other two EXIF dates say when a
/// file was scanned or last edited, and for a scanned family photo that is a
/// wrong answer, decades off.
pub fn facts(bytes: &[u8]) -> Facts {
    let this_year = jiff::Zoned::now().year();
    guarded(|| facts_in_year(bytes, this_year)).unwrap_or_default()
}

/// A clock that is a day ahead on New Year's Eve is no reason to lose a date,
/// so the year after `this_year` is still believed.
fn facts_in_year(bytes: &[u8], this_year: i16) -> Facts {
    let Some(exif) = read(bytes) else {
        return Facts::default();
    };
    Facts {
        date: date(&exif, FIRST_PHOTO..=this_year.saturating_add(1)),
        position: position(&exif),
    }
}

/// Reads as much of the EXIF as is intact.
fn read(bytes: &[u8]) -> Option<Exif> {
    Reader::new()
        .continue_on_error(true)
        .read_from_container(&mut Cursor::new(bytes))
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

fn date(exif: &Exif, years: std::ops::RangeInclusive<i16>) -> Option<String> {
    let field = exif.get_field(Tag::DateTimeOriginal, In::PRIMARY)?;
    let taken = DateTime::from_ascii(ascii(&field.value)?).ok()?;
    let year = i16::try_from(taken.year).ok()?;
    let month = i8::try_from(taken.month).ok()?;
    let day = i8::try_from(taken.day).ok()?;
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    years.contains(&year).then(|| date.to_string())
}

fn position(exif: &Exif) -> Option<Position> {
    let latitude = angle(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, *b"NS")?;
    let longitude = angle(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, *b"EW")?;
    // Exactly 0, 0 is what receivers write that have no fix; nobody's photo
    // was taken on that point of the sea.
    let known = latitude != 0.0 || longitude != 0.0;
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    (known && on_earth).then_some(Position {
        latitude,
        longitude,
    })
}

/// Degrees, minutes and seconds as one number of degrees. Without the letter
/// of its half the sign is unknown, and so is the place.
fn angle(exif: &Exif, tag: Tag, half: Tag, letters: [u8; 2]) -> Option<f64> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let degrees: f64 = parts
        .iter()
        .zip([1.0, 60.0, 3600.0])
        .map(|(part, unit)| part.to_f64() / unit)
        .sum();
    let half = &exif.get_field(half, In::PRIMARY)?.value;
    let letter = ascii(half)?.first()?.to_ascii_uppercase();
    let sign = match letters.iter().position(|known| *known == letter)? {
        0 => 1.0,
        _ => -1.0,
    };
    (!parts.is_empty() && degrees.is_finite()).then_some(sign * degrees)
}

fn ascii(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Ascii(texts) => texts.first().map(Vec::as_slice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::fixtures::{self, ExifParts};

    fn found(parts: &ExifParts) -> Facts {
        let jpeg = fixtures::jpeg_with_exif(&fixtures::corners(32, 24), parts);
        facts_in_year(&jpeg, 2026)
    }

    fn dated(text: &str) -> Option<String> {
        found(&ExifParts {
            date: Some(text),
            ..ExifParts::default()
        })
        .date
    }

    fn placed(
        latitude: ([(u32, u32); 3], &str),
        longitude: ([(u32, u32); 3], &str),
    ) -> Option<Position> {
        found(&ExifParts {
            position: Some((latitude, longitude)),
            ..ExifParts::default()
        })
        .position
    }

    const BRUGES: [(u32, u32); 3] = [(51, 1), (12, 1), (3133, 100)];
    const EAST: [(u32, u32); 3] = [(3, 1), (13, 1), (2850, 100)];

    #[test]
    fn a_day_is_read() {
        assert_eq!(dated("2024:05:31 17:04:09").as_deref(), Some("2024-05-31"));
        assert_eq!(dated("1826:01:01 00:00:00").as_deref(), Some("1826-01-01"));
        assert_eq!(dated("2027:01:01 00:00:00").as_deref(), Some("2027-01-01"));
    }

    #[test]
    fn an_impossible_day_is_no_day() {
        for text in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "",
            "1825:12:31 00:00:00",
            "2028:01:01 00:00:00",
            "2023:02:29 00:00:00",
            "2023:13:01 00:00:00",
            "yesterday",
        ] {
            assert_eq!(dated(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_place_is_read_with_its_half_of_the_earth() {
        let north_east = placed((BRUGES, "N"), (EAST, "E")).expect("a place");
        assert!((north_east.latitude - 51.208_703).abs() < 1e-5);
        assert!((north_east.longitude - 3.224_583).abs() < 1e-5);
        let south_west = placed((BRUGES, "S"), (EAST, "W")).expect("a place");
        assert!((south_west.latitude + 51.208_703).abs() < 1e-5);
        assert!((south_west.longitude + 3.224_583).abs() < 1e-5);
    }

    #[test]
    fn a_place_off_the_earth_is_no_place() {
        let nan = [(51, 1), (12, 1), (0, 0)];
        let infinite = [(51, 1), (12, 0), (0, 1)];
        let too_far = [(91, 1), (0, 1), (0, 1)];
        let around = [(181, 1), (0, 1), (0, 1)];
        let zero = [(0, 1), (0, 1), (0, 1)];
        assert_eq!(placed((nan, "N"), (EAST, "E")), None);
        assert_eq!(placed((infinite, "N"), (EAST, "E")), None);
        assert_eq!(placed((too_far, "N"), (EAST, "E")), None);
        assert_eq!(placed((BRUGES, "N"), (around, "E")), None);
        assert_eq!(placed((zero, "N"), (zero, "E")), None);
        assert_eq!(placed((BRUGES, ""), (EAST, "E")), None);
        assert_eq!(placed((BRUGES, "E"), (EAST, "E")), None);
    }

    #[test]
    fn facts_are_read_from_every_container() {
        let parts = ExifParts {
            date: Some("2024:05:31 17:04:09"),
            position: Some(((BRUGES, "N"), (EAST, "E"))),
            ..ExifParts::default()
        };
        let exif = fixtures::exif(&parts);
        let picture = fixtures::corners(32, 24);
        for (name, file) in [
            ("jpeg", fixtures::jpeg_with_exif(&picture, &parts)),
            ("png", fixtures::png_with_exif(&picture, exif.clone())),
            ("webp", fixtures::webp_with_exif(&picture, exif.clone())),
            ("tiff", exif),
        ] {
            let found = facts(&file);
            assert_eq!(found.date.as_deref(), Some("2024-05-31"), "{name}");
            assert!(found.position.is_some(), "{name}");
        }
    }

    #[test]
    fn a_file_without_exif_has_no_facts() {
        for bytes in [
            &b""[..],
            b"\xff\xd8\xff",
            b"II*\0\xff\xff\xff\xff",
            b"<html>",
            &fixtures::png(&fixtures::corners(8, 8)),
        ] {
            assert_eq!(facts(bytes), Facts::default());
        }
    }
}
