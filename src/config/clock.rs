//! Times of day as people write them (`06:00`), and when such a time comes next.

use crate::archive::Moment;
use jiff::civil::Time;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// Reads a time of day: `6:00`, `06:00` or `23:59:30`, from 00:00 to 23:59:59.
///
/// # Errors
/// A sentence fragment that says what is wrong, for a person.
pub fn time_of_day(text: &str) -> Result<Time, String> {
    let wrong = || format!("`{text}` is no time of day; write it like 06:00 or 23:30");
    let mut parts = text.trim().split(':');
    let mut part = |most: i8, digits: std::ops::RangeInclusive<usize>| {
        let text = parts.next()?;
        let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let number: i8 = text.parse().ok().filter(|_| plain)?;
        (number <= most).then_some(number)
    };
    let hour = part(23, 1..=2).ok_or_else(wrong)?;
    let minute = part(59, 2..=2).ok_or_else(wrong)?;
    let second = if text.matches(':').count() > 1 {
        part(59, 2..=2).ok_or_else(wrong)?
    } else {
        0
    };
    if parts.next().is_some() {
        return Err(wrong());
    }
    Time::new(hour, minute, second, 0).map_err(|_| wrong())
}

/// A moment as RFC 3339 has it, in UTC.
pub(super) fn shown(moment: Moment) -> Option<String> {
    let moment = Timestamp::from_millisecond(moment.0).ok()?;
    Some(moment.to_string())
}

/// The first moment after `now` at which clocks in this zone show the time. In
/// the night in which they skip it, that is when they skip it; in the night in
/// which they show it twice, each of the two counts.
pub(super) fn next(time: Time, now: Moment, zone: &TimeZone) -> Option<Moment> {
    let now = Timestamp::from_millisecond(now.0).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let mut days = [today.yesterday().ok()?, today, today.tomorrow().ok()?].into_iter();
    let next = days.find_map(|day| {
        let mut shown = showings(day.to_datetime(time), zone);
        shown.retain(|moment| *moment > now);
        shown.into_iter().min()
    });
    next.map(|moment| Moment(moment.as_millisecond()))
}

/// When clocks show this: once as a rule.
fn showings(at: jiff::civil::DateTime, zone: &TimeZone) -> Vec<Timestamp> {
    let known = zone.to_ambiguous_timestamp(at);
    let both = [known.earlier(), known.later()];
    let both: Vec<Timestamp> = both.into_iter().filter_map(Result::ok).collect();
    match known.offset() {
        AmbiguousOffset::Gap { .. } => {
            // The two lie around the moment at which clocks jump.
            let before = both
                .iter()
                .min()
                .and_then(|first| first.checked_sub(1.second()).ok());
            let jump = before.and_then(|before| zone.following(before).next());
            jump.map(|jump| vec![jump.timestamp()]).unwrap_or(both)
        }
        _ => both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_as_people_write_them() {
        for (text, expected) in [
            ("06:00", "06:00:00"),
            ("6:00", "06:00:00"),
            (" 23:59:30 ", "23:59:30"),
            ("0:00", "00:00:00"),
        ] {
            let time = time_of_day(text).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(time.to_string(), expected, "{text}");
        }
        for text in [
            "",
            "6",
            "600",
            "24:00",
            "6:0",
            "06:60",
            "6am",
            "06.00",
            "-6:00",
            "+6:00",
            "06:00:61",
            "06:00:00:00",
            "06:00 CET",
            "٠٦:٠٠",
        ] {
            let why = time_of_day(text).expect_err(text);
            assert!(why.contains(&format!("`{text}`")), "{why}");
        }
    }

    #[test]
    fn the_next_time_is_found_across_midnight_and_when_clocks_are_changed() {
        // By their rules, so that no database of time zones is needed.
        let brussels = "CET-1CEST,M3.5.0,M10.5.0/3";
        let new_york = "EST5EDT,M3.2.0,M11.1.0";
        let lord_howe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
        for (zone, now, time, expected) in [
            // This evening, this morning, tomorrow.
            (brussels, "2026-06-10T20:00Z", "23:30", "2026-06-10T21:30Z"),
            (brussels, "2026-06-10T22:30Z", "06:00", "2026-06-11T04:00Z"),
            (brussels, "2026-06-10T20:00Z", "06:00", "2026-06-11T04:00Z"),
            (brussels, "2026-06-11T04:00Z", "06:00", "2026-06-12T04:00Z"),
            (brussels, "2026-12-31T23:30Z", "00:15", "2027-01-01T23:15Z"),
            // The night before summer time: an hour less to work.
            (brussels, "2026-03-28T23:00Z", "06:00", "2026-03-29T04:00Z"),
            // The night before winter time: an hour more.
            (brussels, "2026-10-24T22:00Z", "06:00", "2026-10-25T05:00Z"),
            // A time that is skipped: at the jump.
            (brussels, "2026-03-28T23:00Z", "02:30", "2026-03-29T01:00Z"),
            (new_york, "2026-03-08T05:00Z", "02:30", "2026-03-08T07:00Z"),
            (lord_howe, "2026-10-03T10:00Z", "02:15", "2026-10-03T15:30Z"),
            // A time that comes twice: the next one.
            (brussels, "2026-10-24T22:00Z", "02:30", "2026-10-25T00:30Z"),
            (brussels, "2026-10-25T00:45Z", "02:30", "2026-10-25T01:30Z"),
            (brussels, "2026-10-25T01:45Z", "02:30", "2026-10-26T01:30Z"),
            ("UTC0", "2026-06-10T20:00Z", "20:00", "2026-06-11T20:00Z"),
        ] {
            let zone = TimeZone::posix(zone).expect("a rule");
            let instant = |text: &str| {
                let time: Timestamp = text.replace('Z', ":00Z").parse().expect("a time");
                Moment(time.as_millisecond())
            };
            let found = next(time_of_day(time).expect("a time"), instant(now), &zone);
            assert_eq!(found, Some(instant(expected)), "{time} after {now}");
        }
    }
}
