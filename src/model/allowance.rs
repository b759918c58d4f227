//! What replies say is left of a provider's limits, in every form in which
//! providers say so, so that a run slows down before it is refused.
//!
//! OpenAI and those who copy it: `x-ratelimit-remaining-tokens` with a duration
//! in `x-ratelimit-reset-tokens`. Anthropic: `anthropic-ratelimit-*` with RFC
//! 3339 times. Mistral and OpenRouter: one `x-ratelimit-remaining`, with or
//! without a reset; Mistral also names the minute in the header
//! (`x-ratelimit-remaining-tokens-minute`). Gemini sends none.

use super::wait::moment;
use crate::archive::RawReply;
use crate::pace::{Left, Measure};
use crate::policy::retry;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a service wants the lower rate that it asks for with "Slow Down"
/// (OpenAI's guide to error codes: at least 15 minutes).
const SLOWED_DOWN: Duration = Duration::from_secs(15 * 60);

/// The names that a limit goes by in `x-ratelimit-…` headers.
const GENERAL: [(Measure, &str); 8] = [
    (Measure::Requests, "requests"),
    (Measure::Tokens, "tokens"),
    (Measure::Requests, "requests-minute"),
    (Measure::Requests, "req-minute"),
    (Measure::Tokens, "tokens-minute"),
    (Measure::Input, "input-tokens"),
    (Measure::Output, "output-tokens"),
    (Measure::Requests, ""),
];

const ANTHROPIC: [(Measure, &str); 4] = [
    (Measure::Requests, "requests"),
    (Measure::Tokens, "tokens"),
    (Measure::Input, "input-tokens"),
    (Measure::Output, "output-tokens"),
];

/// What the headers of a reply, good or bad, say is left. Numbers that can't be
/// read are left out. A refusal often names no reset but a wait: that is it then.
pub fn allowances(reply: &RawReply) -> Vec<Left> {
    let now = moment(reply);
    let wait = retry::retry_after(|name| reply.header(name), now);
    let reset = |name: String| {
        reply
            .header(&name)
            .and_then(|text| until(text, now))
            .or(wait)
    };
    let number = |name: &str| {
        let value: f64 = reply.header(name)?.trim().parse().ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };
    let general = GENERAL.iter().filter_map(|(measure, name)| {
        let header = |what: &str| {
            if name.is_empty() {
                format!("x-ratelimit-{what}")
            } else {
                format!("x-ratelimit-{what}-{name}")
            }
        };
        Some(Left {
            measure: *measure,
            left: number(&header("remaining"))?,
            limit: number(&header("limit")),
            reset: reset(header("reset")),
        })
    });
    let anthropic = ANTHROPIC.iter().filter_map(|(measure, name)| {
        let header = |what: &str| format!("anthropic-ratelimit-{name}-{what}");
        Some(Left {
            measure: *measure,
            left: number(&header("remaining"))?,
            limit: number(&header("limit")),
            reset: reset(header("reset")),
        })
    });
    general.chain(anthropic).collect()
}

/// How long the rate must not grow again, where a reply asks for that.
pub fn hold(reply: &RawReply) -> Option<Duration> {
    let asks = reply.status == 503 && reply.body.to_lowercase().contains("slow down");
    asks.then_some(SLOWED_DOWN)
}

/// The time until a reset: a duration with units, an RFC 3339 time, seconds
/// from now, or a Unix time in seconds or milliseconds, told apart by its size.
fn until(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(value) = text.parse::<f64>() {
        let seconds = if value > 1e11 { value / 1000.0 } else { value };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let wait = if seconds > 1e9 {
            (seconds - now.as_secs_f64()).max(0.0)
        } else {
            seconds
        };
        return Duration::try_from_secs_f64(wait).ok();
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        let wait = SystemTime::from(time).duration_since(now);
        return Some(wait.unwrap_or_default());
    }
    retry::unit_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::reply_with;

    fn read(headers: &[(&str, &str)]) -> Vec<(Measure, f64, Option<f64>, Option<f64>)> {
        let mut headers = headers.to_vec();
        headers.push(("date", "Fri, 31 May 2024 12:00:00 GMT"));
        allowances(&reply_with(200, &headers, ""))
            .into_iter()
            .map(|left| {
                let reset = left.reset.map(|reset| reset.as_secs_f64());
                (left.measure, left.left, left.limit, reset)
            })
            .collect()
    }

    #[test]
    fn a_service_that_says_slow_down_is_given_a_quarter_of_an_hour() {
        let said = |status, body| hold(&reply_with(status, &[], body));
        let slow = r#"{"error":{"message":"Slow Down","type":"server_error"}}"#;
        assert_eq!(said(503, slow), Some(Duration::from_secs(900)));
        assert_eq!(said(200, slow), None, "a picture may show these words");
        assert_eq!(said(503, "overloaded"), None);
    }

    #[test]
    fn openai_names_durations() {
        let headers = [
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "499"),
            ("x-ratelimit-reset-requests", "120ms"),
            ("x-ratelimit-limit-tokens", "30000"),
            ("x-ratelimit-remaining-tokens", "1200"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ];
        assert_eq!(
            read(&headers),
            [
                (Measure::Requests, 499.0, Some(500.0), Some(0.12)),
                (Measure::Tokens, 1200.0, Some(30_000.0), Some(360.0)),
            ]
        );
    }

    #[test]
    fn anthropic_names_times() {
        let headers = [
            ("anthropic-ratelimit-requests-remaining", "4"),
            ("anthropic-ratelimit-requests-reset", "2024-05-31T12:00:01Z"),
            ("anthropic-ratelimit-input-tokens-limit", "40000"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2024-05-31T14:00:20+02:00",
            ),
            ("anthropic-ratelimit-output-tokens-remaining", "8000"),
        ];
        assert_eq!(
            read(&headers),
            [
                (Measure::Requests, 4.0, None, Some(1.0)),
                (Measure::Input, 0.0, Some(40_000.0), Some(20.0)),
                (Measure::Output, 8000.0, None, None),
            ]
        );
    }

    #[test]
    fn mistral_names_the_minute_and_openrouter_a_moment() {
        assert_eq!(
            read(&[("x-ratelimit-remaining-tokens-minute", "0")]),
            [(Measure::Tokens, 0.0, None, None)]
        );
        assert_eq!(
            read(&[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-limit", "20"),
                ("x-ratelimit-reset", "1717156810000"),
            ]),
            [(Measure::Requests, 0.0, Some(20.0), Some(10.0))]
        );
    }

    #[test]
    fn nonsense_is_left_out() {
        let headers = [
            ("x-ratelimit-remaining-tokens", "plenty"),
            ("x-ratelimit-remaining-requests", "-1"),
            ("anthropic-ratelimit-tokens-remaining", "NaN"),
            ("retry-after", "3"),
        ];
        assert_eq!(read(&headers), []);
        let reset = [
            ("x-ratelimit-remaining-tokens", "5"),
            ("x-ratelimit-reset-tokens", "soon"),
        ];
        assert_eq!(read(&reset), [(Measure::Tokens, 5.0, None, None)]);
        let refused = [
            ("x-ratelimit-remaining-requests", "0"),
            ("retry-after", "2"),
        ];
        assert_eq!(read(&refused), [(Measure::Requests, 0.0, None, Some(2.0))]);
    }
}
