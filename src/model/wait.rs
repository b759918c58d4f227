//! When a model may be asked again, out of every form in which providers say
//! so. OpenAI names a duration, Anthropic a time, others seconds or
//! milliseconds; what is common to all HTTP is in [`crate::policy::retry`].

use crate::archive::RawReply;
use crate::policy::retry;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The moment a reply was made: its own `Date`, so that a stored reply is
/// judged the same way later and a wrong clock here does no harm; else now.
pub(super) fn moment(reply: &RawReply) -> SystemTime {
    reply
        .header("date")
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(SystemTime::now)
}

/// The wait that a reply asks for. What it says in words comes before the resets
/// in its headers, which may tell when the whole limit is free again.
pub(super) fn asked(reply: &RawReply) -> Option<Duration> {
    let now = moment(reply);
    retry::retry_after(|name| reply.header(name), now)
        .or_else(|| in_words(&reply.body))
        .or_else(|| openai_reset(reply))
        .or_else(|| anthropic_reset(reply, now))
        .or_else(|| plain_reset(reply, now))
}

/// "Please try again in 6m0s" (OpenAI, Groq), "Please retry after 26 seconds"
/// (Azure), "Please retry in 39.5s" (Gemini).
fn in_words(body: &str) -> Option<Duration> {
    // Errors are short, and who knows what a long body is.
    let front: String = body.chars().take(4000).collect();
    let text = front.to_lowercase();
    [
        "try again in ",
        "try again after ",
        "retry in ",
        "retry after ",
    ]
    .into_iter()
    .find_map(|phrase| {
        let (_, rest) = text.split_once(phrase)?;
        let mut words = rest.split(|c: char| c.is_whitespace() || "\"\\,;!<".contains(c));
        let number = words.next()?.trim_end_matches('.');
        if let Some(wait) = retry::unit_duration(number) {
            return Some(wait);
        }
        let letter = match words.next()?.trim_end_matches('.') {
            "ms" | "millisecond" | "milliseconds" => "ms",
            "s" | "sec" | "second" | "seconds" => "s",
            "min" | "minute" | "minutes" => "m",
            "hour" | "hours" => "h",
            _ => return None,
        };
        retry::unit_duration(&format!("{number}{letter}"))
    })
}

/// `x-ratelimit-reset-{requests,tokens}` as durations such as `6m0s`. Of both
/// limits the exhausted one counts. If neither says that it is, it is the
/// tokens: a request can ask for more of them than remain.
fn openai_reset(reply: &RawReply) -> Option<Duration> {
    let reset = |what: &str| {
        reply
            .header(&format!("x-ratelimit-reset-{what}"))
            .and_then(retry::unit_duration)
    };
    let exhausted = |what: &str| none_left(reply.header(&format!("x-ratelimit-remaining-{what}")));
    ["requests", "tokens"]
        .into_iter()
        .filter(|what| exhausted(what))
        .filter_map(reset)
        .max()
        .or_else(|| reset("tokens"))
        .or_else(|| reset("requests"))
}

/// `anthropic-ratelimit-*-reset` as RFC 3339 times, of the exhausted limits.
fn anthropic_reset(reply: &RawReply, now: SystemTime) -> Option<Duration> {
    ["requests", "tokens", "input-tokens", "output-tokens"]
        .into_iter()
        .filter(|what| none_left(reply.header(&format!("anthropic-ratelimit-{what}-remaining"))))
        .filter_map(|what| {
            let time = reply.header(&format!("anthropic-ratelimit-{what}-reset"))?;
            let time: jiff::Timestamp = time.trim().parse().ok()?;
            Some(
                SystemTime::from(time)
                    .duration_since(now)
                    .unwrap_or_default(),
            )
        })
        .max()
}

/// `x-ratelimit-reset` as others use it: seconds from now, or a Unix time in
/// seconds or (OpenRouter) milliseconds; told apart by their size.
fn plain_reset(reply: &RawReply, now: SystemTime) -> Option<Duration> {
    let value: f64 = reply.header("x-ratelimit-reset")?.trim().parse().ok()?;
    let seconds = if value > 1e11 { value / 1000.0 } else { value };
    let seconds = if seconds > 1e9 {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        (seconds - now.as_secs_f64()).max(0.0)
    } else {
        seconds
    };
    Duration::try_from_secs_f64(seconds).ok()
}

fn none_left(remaining: Option<&str>) -> bool {
    remaining
        .and_then(|value| value.trim().parse::<f64>().ok())
        .is_some_and(|left| left <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &str)]) -> Option<f64> {
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        headers.push(("date".into(), "Fri, 31 May 2024 12:00:00 GMT".into()));
        let reply = RawReply {
            status: 429,
            headers,
            body: String::new(),
        };
        asked(&reply).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn the_exhausted_limit_of_openai_sets_the_wait() {
        let both = [
            ("x-ratelimit-reset-requests", "12ms"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        assert_eq!(wait(&both), Some(360.0));
        let mut requests = both.to_vec();
        requests.push(("x-ratelimit-remaining-requests", "0"));
        requests.push(("x-ratelimit-remaining-tokens", "900"));
        assert_eq!(wait(&requests), Some(0.012));
        assert_eq!(wait(&[("x-ratelimit-reset-requests", "1.5s")]), Some(1.5));
    }

    #[test]
    fn anthropics_times_are_read_against_the_date_of_the_reply() {
        let headers = [
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2024-05-31T12:00:50Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2024-05-31T14:00:20+02:00",
            ),
        ];
        assert_eq!(wait(&headers), Some(20.0));
        assert_eq!(wait(&headers[..2]), None);
    }

    #[test]
    fn waits_are_read_out_of_words() {
        let s = |seconds| Some(Duration::from_secs_f64(seconds));
        for (words, expected) in [
            ("Please try again in 6m0s.", s(360.0)),
            (r#"{"message":"Try again in 1.5s"}"#, s(1.5)),
            ("please retry after 26 seconds.", s(26.0)),
            ("Retry in 300 ms", s(0.3)),
            ("try again in 2 hours", s(7200.0)),
            ("Please try again later.", None),
            ("retry after some time", None),
            ("retry after", None),
            ("retry after ", None),
            ("try again in -3 seconds", None),
        ] {
            assert_eq!(in_words(words), expected, "{words}");
        }
    }

    #[test]
    fn retry_after_comes_before_every_reset() {
        let headers = [("x-ratelimit-reset-tokens", "6m0s"), ("retry-after", "2")];
        assert_eq!(wait(&headers), Some(2.0));
        let date = [("retry-after", "Fri, 31 May 2024 12:00:30 GMT")];
        assert_eq!(wait(&date), Some(30.0));
    }

    #[test]
    fn plain_resets_are_told_apart_by_their_size() {
        assert_eq!(wait(&[("x-ratelimit-reset", "7")]), Some(7.0));
        assert_eq!(wait(&[("x-ratelimit-reset", "1717156810")]), Some(10.0));
        assert_eq!(wait(&[("x-ratelimit-reset", "1717156810000")]), Some(10.0));
        assert_eq!(wait(&[("x-ratelimit-reset", "1717156000")]), Some(0.0));
        assert_eq!(wait(&[("x-ratelimit-reset", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }
}
