//! Durations and sizes as people write them: `1h30m`, `64MB`.

use std::fmt::Write as _;
use std::time::Duration;

/// Units of time, the longest first, with their length in milliseconds.
const TIME: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of size. Capital prefixes are decimal, as disks are sold; those with
/// an `i` are powers of 1024.
const SIZE: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a duration such as `4h`, `90s`, `1h30m`, `7d` or `500ms`: whole
/// numbers with the units d, h, m, s and ms, the longest unit first. Spaces
/// are allowed, a number without a unit is not.
///
/// # Errors
/// A sentence fragment that says what is wrong, for a person.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write it like 90s, 15m, 4h, 1h30m or 7d");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    let mut units = TIME.iter();
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(wrong)?;
        let letters = after.trim_start();
        let end = letters
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(letters.len());
        let (unit, tail) = letters.split_at(end);
        if unit.is_empty() {
            return Err(format!("`{text}` has no unit; write it like {number}s"));
        }
        // Going on in the same iterator makes a repeated or a longer unit fail.
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        total = number
            .checked_mul(*length)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| format!("`{text}` is longer than any clock runs"))?;
        rest = tail.trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration the way [`duration`] reads it.
pub fn duration_text(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, length) in TIME {
        if rest >= length {
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    text
}

/// Reads a size such as `64MB`, `512 KiB` or `1000000`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write it like 64MB or 512KiB");
    let (number, unit) = leading_number(text.trim()).ok_or_else(wrong)?;
    let unit = unit.trim();
    let factor = if unit.is_empty() {
        1
    } else {
        let known = SIZE
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit));
        known.ok_or_else(wrong)?.1
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large"))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    digits.parse().ok().map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("4h", 14_400_000),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("7d", 604_800_000),
            ("500ms", 500),
            ("2m5ms", 120_005),
            (" 0s ", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "h",
            "4",
            "4 hours",
            "1.5h",
            "-1h",
            "30m1h",
            "1h1h",
            "4H",
            "h4",
            "1h30",
            "99999999999999999999s",
            "999999999999999d",
        ] {
            let error = duration(text).expect_err(text);
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        assert!(duration("90").is_err_and(|error| error.contains("90s")));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(size("512 KiB"), Ok(524_288));
        assert_eq!(size("2gb"), Ok(2_000_000_000));
        assert_eq!(size("100"), Ok(100));
        for text in ["", "MB", "64 apples", "1.5MB", "99999999999GB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_duration_reads_back(millis in 0_u64..10_000_000_000) {
            let length = Duration::from_millis(millis);
            prop_assert_eq!(duration(&duration_text(length)), Ok(length));
        }
    }
}
