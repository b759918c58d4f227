//! What happened to one photo, line by line.

use super::compose::rfc3339;
use super::table::clip;
use crate::archive::{Moment, Usd};
use crate::checkpoint::{Happening, What};
use serde_json::{Value, json};
use std::fmt::Write;

/// Columns that every line fits.
const WIDTH: usize = 80;

/// The history as text, oldest first.
pub fn text(photo: &str, happenings: &[Happening]) -> String {
    let mut text = format!("{}\n", clip(photo, WIDTH));
    for happening in happenings {
        let (headline, details) = told(&happening.what);
        let run = match (&happening.run, &happening.mode) {
            (Some(run), Some(mode)) => format!("  run {run}, {mode}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "\n{}{run}", local(happening.at));
        wrapped(&mut text, "  ", &headline);
        for (name, detail) in details {
            let detail = if detail.is_empty() {
                "(no text)"
            } else {
                &detail
            };
            wrapped(&mut text, "    ", &format!("{name}: {detail}"));
        }
    }
    text.trim_end().to_owned()
}

/// Text and details of one line.
fn told(what: &What) -> (String, Vec<(&'static str, String)>) {
    match what {
        What::Seen { alt, tag, owner } => {
            let tag = tag.as_deref().unwrap_or("none");
            let whose = match owner.as_str() {
                "nobody" if alt.trim().is_empty() => "seen without a text".to_owned(),
                "nobody" => format!("seen with a placeholder (tag: {tag})"),
                "person" => format!("seen with a person's text (tag: {tag})"),
                "ours" => format!("seen with our text (tag: {tag})"),
                _ => format!("seen with a machine's text of unproven origin (tag: {tag})"),
            };
            let details = (!alt.trim().is_empty()).then(|| ("text", alt.clone()));
            (whose, details.into_iter().collect())
        }
        What::Asked { .. } => (asked(what), Vec::new()),
        What::Drafted {
            draft,
            model,
            text,
            verdict,
            reasons,
            score,
        } => {
            let by = model.as_deref().unwrap_or("a person");
            let reasons = match reasons.as_str() {
                "" => String::new(),
                words => format!(" ({})", words.replace(',', ", ")),
            };
            let score = score.map_or_else(String::new, |score| format!(", score {score:.2}"));
            let headline = format!("draft {draft} by {by}: {verdict}{reasons}{score}");
            (headline, vec![("text", text.clone())])
        }
        What::Decided {
            draft,
            decision,
            by,
        } => {
            let by = by
                .as_deref()
                .map_or_else(String::new, |by| format!(" ({by})"));
            (
                format!("draft {draft} {decision} by a person{by}"),
                Vec::new(),
            )
        }
        What::Wrote { .. } => wrote(what),
        What::Failed {
            error,
            tries,
            parked,
        } => {
            let then = if *parked { ", parked" } else { "" };
            (format!("failed, try {tries}{then}: {error}"), Vec::new())
        }
    }
}

fn asked(what: &What) -> String {
    let What::Asked {
        model,
        answered,
        state,
        tokens,
        cost_usd,
        error,
    } = what
    else {
        return String::new();
    };
    let mut text = format!("asked {model}");
    if let Some(answered) = answered.as_ref().filter(|it| *it != model) {
        let _ = write!(text, " ({answered})");
    }
    let _ = write!(text, ": {state}");
    if let Some((input, output)) = tokens {
        let _ = write!(text, ", {input} tokens in, {output} out");
    }
    if let Some(cost) = cost_usd {
        let _ = write!(text, ", {}", Usd(*cost));
    }
    if let Some(error) = error {
        let _ = write!(text, ": {error}");
    }
    text
}

fn wrote(what: &What) -> (String, Vec<(&'static str, String)>) {
    let What::Wrote {
        before,
        sent,
        kept,
        tag,
        state,
        model,
        error,
        takes_back,
    } = what
    else {
        return (String::new(), Vec::new());
    };
    let by = match (tag.as_deref(), model) {
        (Some("person"), _) => "as a person's".to_owned(),
        (_, Some(model)) => format!("as a machine's, by {model}"),
        _ => "as a machine's".to_owned(),
    };
    let done = match (state.as_str(), takes_back) {
        ("confirmed", Some(run)) => format!("put back what run {run} replaced"),
        ("confirmed", None) if before == sent => "adopted, or only its tag changed".to_owned(),
        ("confirmed", None) => format!("written {by}"),
        ("undone", _) => format!("written {by}; put back since"),
        ("intent", _) => format!("being written {by}; not settled yet"),
        (_, _) => format!("not written: {}", error.as_deref().unwrap_or("unknown")),
    };
    let after = kept.as_ref().unwrap_or(sent);
    (
        done,
        vec![("before", before.clone()), ("after", after.clone())],
    )
}

/// The history as JSON, with the photo's id.
pub fn json(photo: &str, happenings: &[Happening]) -> String {
    let events: Vec<Value> = happenings.iter().map(event).collect();
    json!({"photo": photo, "events": events}).to_string()
}

fn event(happening: &Happening) -> Value {
    let mut event = json!({
        "at": rfc3339(happening.at),
        "run": happening.run.map(|run| run.0),
        "mode": happening.mode,
    });
    let what = match &happening.what {
        What::Seen { alt, tag, owner } => json!({
            "what": "seen", "text": alt, "tag": tag, "owner": owner,
        }),
        What::Asked {
            model,
            answered,
            state,
            tokens,
            cost_usd,
            error,
        } => json!({
            "what": "asked", "model": model, "model_answered": answered, "state": state,
            "input_tokens": tokens.map(|tokens| tokens.0),
            "output_tokens": tokens.map(|tokens| tokens.1),
            "cost_usd": cost_usd, "error": error,
        }),
        What::Drafted {
            draft,
            model,
            text,
            verdict,
            reasons,
            score,
        } => json!({
            "what": "drafted", "draft": draft, "model": model, "text": text, "verdict": verdict,
            "reasons": reasons.split(',').filter(|word| !word.is_empty()).collect::<Vec<_>>(),
            "score": score,
        }),
        What::Decided {
            draft,
            decision,
            by,
        } => json!({
            "what": "decided", "draft": draft, "decision": decision, "by": by,
        }),
        What::Wrote {
            before,
            sent,
            kept,
            tag,
            state,
            model,
            error,
            takes_back,
        } => json!({
            "what": "wrote", "before": before, "sent": sent, "kept": kept, "tag": tag,
            "state": state, "model": model, "error": error,
            "takes_back_run": takes_back.map(|run| run.0),
        }),
        What::Failed {
            error,
            tries,
            parked,
        } => json!({
            "what": "failed", "error": error, "tries": tries, "parked": parked,
        }),
    };
    if let (Value::Object(event), Value::Object(what)) = (&mut event, what) {
        event.extend(what);
    }
    event
}

fn local(moment: Moment) -> String {
    jiff::Timestamp::from_millisecond(moment.0).map_or_else(
        |_| "?".to_owned(),
        |time| {
            time.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    )
}

/// Adds a paragraph, wrapped at the width; lines after the first are indented a
/// little more.
fn wrapped(text: &mut String, indent: &str, paragraph: &str) {
    let mut line = indent.to_owned();
    let mut empty = true;
    for word in paragraph.split_whitespace() {
        let word = clip(word, WIDTH - indent.len() - 2);
        let long = line.chars().count() + 1 + word.chars().count() > WIDTH;
        if long && !empty {
            let _ = writeln!(text, "{line}");
            line = format!("{indent}  ");
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    let _ = writeln!(text, "{line}");
}
