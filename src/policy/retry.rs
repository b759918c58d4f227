//! When to try again: exponential backoff with jitter, and every form in which
//! a service names a time.

use std::time::{Duration, SystemTime};

/// A wait that a service asks for is obeyed up to here; what asks for more is
/// treated as an outage by the caller. One hour covers every per-hour quota.
pub const LONGEST_OBEYED_WAIT: Duration = Duration::from_secs(3600);

/// Exponential backoff: `first`, doubled with every further attempt, at most
/// `longest`, and then between half and all of that, by `jitter` in `0.0..=1.0`.
pub fn backoff(attempt: u32, first: Duration, longest: Duration, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let wait = doubled.min(longest);
    wait.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

/// Reads the wait out of reply headers: `retry-after-ms` (milliseconds), else
/// `retry-after` as seconds (whole or with a fraction) or as an HTTP date. Other
/// forms, negative and non-finite numbers are no wait at all. A date in the
/// past is a wait of zero.
pub fn retry_after<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    now: SystemTime,
) -> Option<Duration> {
    let number = |name: &str| {
        header(name)
            .and_then(|value| value.trim().parse::<f64>().ok())
            .filter(|value| value.is_finite() && *value >= 0.0)
    };
    if let Some(milliseconds) = number("retry-after-ms") {
        return seconds(milliseconds / 1000.0);
    }
    if let Some(value) = number("retry-after") {
        return seconds(value);
    }
    let date = httpdate::parse_http_date(header("retry-after")?.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Reads a duration as Go and OpenAI print it: `12ms`, `1.5s`, `6m0s`, `1h2m3s`.
pub fn unit_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        total += value
            * match &rest[..letters] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[letters..];
    }
    seconds(total)
}

fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &str)]) -> Option<Duration> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        retry_after(
            |name| {
                headers
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| *value)
            },
            now,
        )
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let ms = Duration::from_millis;
        assert_eq!(wait(&[("retry-after", "2")]), Some(ms(2000)));
        assert_eq!(wait(&[("retry-after", " 1.5 ")]), Some(ms(1500)));
        assert_eq!(
            wait(&[("retry-after-ms", "250"), ("retry-after", "9")]),
            Some(ms(250))
        );
        assert_eq!(
            wait(&[("retry-after", "Mon, 12 Jan 1970 13:47:10 GMT")]),
            Some(ms(30_000))
        );
        assert_eq!(
            wait(&[("retry-after", "Mon, 12 Jan 1970 13:00:00 GMT")]),
            Some(ms(0))
        );
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e400"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense:?}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn backoff_doubles_and_stops_at_the_longest() {
        let s = Duration::from_secs;
        assert_eq!(backoff(1, s(1), s(60), 1.0), s(1));
        assert_eq!(backoff(3, s(1), s(60), 1.0), s(4));
        assert_eq!(backoff(40, s(1), s(60), 1.0), s(60));
        assert_eq!(backoff(3, s(1), s(60), 0.0), s(2));
    }

    #[test]
    fn unit_durations_are_read() {
        let ms = Duration::from_millis;
        assert_eq!(unit_duration("12ms"), Some(ms(12)));
        assert_eq!(unit_duration("6m0s"), Some(ms(360_000)));
        assert_eq!(unit_duration("22s"), Some(ms(22_000)));
        assert_eq!(unit_duration("1h2m3.5s"), Some(ms(3_723_500)));
        for nonsense in ["", "5", "s", "1x", "..s"] {
            assert_eq!(unit_duration(nonsense), None, "{nonsense:?}");
        }
    }
}
