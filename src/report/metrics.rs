//! For Prometheus: how a run stands, in the text format that the textfile
//! collector of the node exporter reads.
//!
//! What belongs to one run is a gauge, since the next run begins from nothing.
//! What nobody knows has no sample, least of all 0.

use crate::archive::{Ended, Moment, Skip};
use crate::checkpoint::{LastGood, Status};
use crate::pipeline::Summary;
use std::collections::BTreeSet;
use std::fmt::Write;

/// How a run that never began is said to have ended.
pub const NOT_STARTED: &str = "not_started";

/// What is told of a run that is on, or over.
#[derive(Debug)]
pub struct Measures<'m> {
    /// The site's name: metrics of several sites can stand side by side.
    pub site: &'m str,
    /// When the command began.
    pub started: Moment,
    /// Now.
    pub now: Moment,
    /// Its numbers; `None` where no run began.
    pub summary: Option<&'m Summary>,
    /// Photos in the listing, once it is read.
    pub listed: Option<u64>,
    /// Models that run on the owner's machines: their calls cost no money.
    pub local: &'m BTreeSet<String>,
    /// Whether it waits for a service now.
    pub waits: bool,
    /// How it ended: the exit code and the reason; `None` while it is on.
    pub end: Option<(u8, &'m str)>,
    /// When runs ended well for the last time.
    pub last: LastGood,
    /// The archive, as far as it is known.
    pub archive: Option<&'m Status>,
}

/// One file of metrics.
pub fn page(measures: &Measures<'_>) -> String {
    let mut page = Page {
        text: String::new(),
        site: escaped(measures.site),
    };
    page.gauge(
        "build_info",
        "The version of altfill that wrote this, always 1.",
        [(&[("version", env!("CARGO_PKG_VERSION"))][..], 1.0)],
    );
    run(&mut page, measures);
    if let Some(summary) = measures.summary {
        photos(&mut page, summary, measures.listed);
        models(&mut page, summary, measures.local);
    }
    page.time(
        "last_success_timestamp_seconds",
        "When a nightly run last ended done or early on purpose (exit codes 0, 3 and 4).",
        measures.last.success,
    );
    page.time(
        "last_complete_timestamp_seconds",
        "When a nightly run last got through everything (exit codes 0 and 3).",
        measures.last.complete,
    );
    if let Some(status) = measures.archive {
        archive(&mut page, status);
    }
    page.text
}

/// What was written before, where it is still of use: the site's name, and when
/// runs ended well. For a command that could not even read its settings.
pub fn earlier(page: &str) -> (Option<String>, LastGood) {
    let sample = |name: &str| page.lines().find(|line| line.starts_with(name));
    let time = |name: &str| {
        let seconds: f64 = sample(name)?.rsplit(' ').next()?.parse().ok()?;
        Some(Moment((seconds * 1000.0).round() as i64))
    };
    let site = sample("altfill_build_info{").and_then(|line| {
        let (_, rest) = line.split_once("site=\"")?;
        let end = rest.find("\",").or_else(|| rest.find("\"}"))?;
        Some(
            rest[..end]
                .replace("\\\"", "\"")
                .replace("\\n", "\n")
                .replace("\\\\", "\\"),
        )
    });
    let last = LastGood {
        complete: time("altfill_last_complete_timestamp_seconds"),
        success: time("altfill_last_success_timestamp_seconds"),
    };
    (site, last)
}

fn run(page: &mut Page, measures: &Measures<'_>) {
    let on = measures.end.is_none();
    let mode = measures.summary.map_or("", |summary| summary.mode);
    page.gauge(
        "run_active",
        "Whether a run was on when this was written.",
        [(&[][..], f64::from(u8::from(on)))],
    );
    page.gauge(
        "run_waiting",
        "Whether that run waited for a site, a model or a limit.",
        [(&[][..], f64::from(u8::from(on && measures.waits)))],
    );
    if !mode.is_empty() {
        page.gauge(
            "run_info",
            "What the run that is on, or the last one, was for; always 1.",
            [(&[("mode", mode)][..], 1.0)],
        );
    }
    page.time(
        "run_start_timestamp_seconds",
        "When that run began.",
        Some(measures.started),
    );
    let seconds = (measures.now.0 - measures.started.0).max(0) as f64 / 1000.0;
    page.gauge(
        "run_duration_seconds",
        "How long that run has taken.",
        [(&[][..], seconds)],
    );
    let Some((code, reason)) = measures.end else {
        return;
    };
    page.time(
        "run_end_timestamp_seconds",
        "When the last run ended.",
        Some(measures.now),
    );
    page.gauge(
        "run_exit_code",
        "The exit code of the last run; docs/OPERATIONS.md tells what each means.",
        [(&[][..], f64::from(code))],
    );
    let reasons = Ended::ALL.map(Ended::as_str);
    let reasons = reasons.iter().copied().chain([NOT_STARTED]);
    let samples: Vec<_> = reasons
        .map(|known| ([("reason", known)], known == reason))
        .collect();
    page.gauge(
        "run_ended",
        "How the last run ended: 1 for the reason that applies.",
        samples
            .iter()
            .map(|(labels, applies)| (&labels[..], f64::from(u8::from(*applies)))),
    );
}

fn photos(page: &mut Page, summary: &Summary, listed: Option<u64>) {
    let outcomes = [
        ("written", summary.written),
        ("held", summary.held),
        ("failed", summary.failed),
        ("conflict", summary.conflict),
        ("waiting", summary.waiting),
        ("not_reached", summary.not_reached),
        ("skipped", summary.skipped.total()),
    ]
    .map(|(outcome, count)| ([("outcome", outcome)], count as f64));
    page.gauge(
        "run_photos",
        "Photos of that run by what became of them.",
        outcomes.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let skipped = Skip::ALL.map(|skip| {
        (
            [("reason", skip.as_str())],
            summary.skipped.get(skip) as f64,
        )
    });
    page.gauge(
        "run_photos_skipped",
        "Photos that that run left alone, by reason.",
        skipped.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    if let Some(listed) = listed {
        let queue = listed.saturating_sub(summary.seen);
        page.gauge(
            "run_queue_photos",
            "Photos of the listing that that run is not done with.",
            [(&[][..], queue as f64)],
        );
    }
    page.gauge(
        "run_texts_generated",
        "Texts that that run had made.",
        [(&[][..], summary.generated as f64)],
    );
    let requests = [
        ([("kind", "read")], summary.site_reads as f64),
        ([("kind", "write")], summary.site_writes as f64),
    ];
    // Only the end tells them.
    if summary.site_reads > 0 {
        page.gauge(
            "run_site_requests",
            "Requests to the site of that run.",
            requests.iter().map(|(labels, count)| (&labels[..], *count)),
        );
    }
}

fn models(page: &mut Page, summary: &Summary, local: &BTreeSet<String>) {
    let shares: Vec<_> = summary.models.iter().collect();
    let calls: Vec<_> = shares
        .iter()
        .flat_map(|(name, share)| {
            let label = |result| [("model", name.as_str()), ("result", result)];
            [
                (
                    label("text"),
                    share.calls.saturating_sub(share.failed) as f64,
                ),
                (label("none"), share.failed as f64),
            ]
        })
        .collect();
    page.gauge(
        "run_model_calls",
        "Requests of that run to models, by whether they gave a text.",
        calls.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let tokens: Vec<_> = shares
        .iter()
        .flat_map(|(name, share)| {
            let label = |direction| [("model", name.as_str()), ("direction", direction)];
            [
                (label("input"), share.tokens.input as f64),
                (label("output"), share.tokens.output as f64),
            ]
        })
        .collect();
    page.gauge(
        "run_tokens",
        "Tokens of that run, as the models' replies count them.",
        tokens.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let costs: Vec<_> = shares
        .iter()
        .filter_map(|(name, share)| {
            // A model at home costs no money for a call; with any other, what
            // nobody knows is not zero.
            let free = local.contains(*name).then_some(0.0);
            Some(([("model", name.as_str())], share.cost_usd.or(free)?))
        })
        .collect();
    page.gauge(
        "run_cost_dollars",
        "What that run cost, as far as it is known; no sample where nothing is.",
        costs.iter().map(|(labels, cost)| (&labels[..], *cost)),
    );
    let unknown: Vec<_> = shares
        .iter()
        .filter(|(name, _)| !local.contains(*name))
        .map(|(name, share)| ([("model", name.as_str())], share.calls_without_price as f64))
        .collect();
    page.gauge(
        "run_calls_without_price",
        "Requests of that run whose cost nobody knows: it is not in run_cost_dollars.",
        unknown.iter().map(|(labels, count)| (&labels[..], *count)),
    );
}

fn archive(page: &mut Page, status: &Status) {
    let owners = [
        ("person", status.person),
        ("ours", status.ours),
        ("unproven", status.unproven),
        ("missing", status.missing),
    ]
    .map(|(state, count)| ([("state", state)], count as f64));
    page.gauge(
        "archive_photos",
        "Photos of the archive by whose text they have.",
        owners.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let waiting = [
        ("draft", status.drafts_waiting),
        ("held", status.held),
        ("not_due", status.not_due),
        ("parked", status.parked),
        ("cleared", status.cleared),
        ("decorative", status.decorative),
    ]
    .map(|(reason, count)| ([("reason", reason)], count as f64));
    page.gauge(
        "archive_photos_without_text",
        "Photos without a text by what they wait for.",
        waiting.iter().map(|(labels, count)| (&labels[..], *count)),
    );
    let next = [
        ("accepted", status.next_run.accepted),
        ("draft", status.next_run.drafts),
        ("generate", status.next_run.generate),
        ("retry", status.next_run.retries),
    ]
    .map(|(work, count)| ([("work", work)], count as f64));
    page.gauge(
        "next_run_photos",
        "What the next run finds to do, beside photos that are new on the site.",
        next.iter().map(|(labels, count)| (&labels[..], *count)),
    );
}

struct Page {
    text: String,
    site: String,
}

impl Page {
    /// One metric with its samples; nothing where it has none.
    fn gauge<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (&'l [(&'l str, &'l str)], f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let (text, site) = (&mut self.text, &self.site);
        let _ = writeln!(text, "# HELP altfill_{name} {help}");
        let _ = writeln!(text, "# TYPE altfill_{name} gauge");
        for (labels, value) in samples {
            let labels = labels
                .iter()
                .map(|(key, value)| format!(",{key}=\"{}\"", escaped(value)));
            let labels: String = labels.collect();
            let _ = writeln!(text, "altfill_{name}{{site=\"{site}\"{labels}}} {value}");
        }
    }

    fn time(&mut self, name: &str, help: &str, moment: Option<Moment>) {
        let sample = moment.map(|moment| (&[][..], moment.0 as f64 / 1000.0));
        self.gauge(name, help, sample);
    }
}

/// A label's value, as it stands between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{CallId, Mode, ModelName, RunId, RunNumber, Usage, Usd};
    use crate::pipeline::Event;
    use std::time::Duration;

    fn called(model: &str, outcome: &'static str, cost: Option<f64>) -> Event {
        Event::Called {
            call: CallId(1),
            outcome,
            model: ModelName::new(model),
            photo: None,
            took: Duration::ZERO,
            usage: Some(Usage {
                input: 10,
                output: 2,
            }),
            cost: cost.map(Usd),
            free: model == "home",
            problem: None,
        }
    }

    #[test]
    fn a_cost_that_nobody_knows_is_not_zero() {
        let mut summary = Summary::new(RunNumber(1), &RunId::new("x"), Mode::Backfill);
        for event in [
            called("home", "ok", None),
            called("paid", "ok", Some(0.25)),
            called("paid", "refused", Some(0.25)),
            called("unpriced", "ok", None),
            called("unpriced", "retry", None),
        ] {
            summary.count(&event);
        }
        let text = page(&Measures {
            site: "a \"b\"\\",
            started: Moment(1_000),
            now: Moment(3_500),
            summary: Some(&summary),
            listed: Some(7),
            local: &BTreeSet::from(["home".to_owned()]),
            waits: false,
            end: None,
            last: LastGood::default(),
            archive: None,
        });
        let of = |name: &str, model: &str| {
            let label = format!("model=\"{model}\"");
            let mut lines = text.lines();
            let line = lines.find(|line| line.starts_with(name) && line.contains(&label));
            line.and_then(|line| line.rsplit(' ').next())
                .map(str::to_owned)
        };
        let cost = |model| of("altfill_run_cost_dollars{", model);
        assert_eq!(cost("paid").as_deref(), Some("0.5"));
        assert_eq!(cost("home").as_deref(), Some("0"));
        assert_eq!(cost("unpriced"), None);
        let unknown = |model| of("altfill_run_calls_without_price{", model);
        assert_eq!(unknown("unpriced").as_deref(), Some("1"));
        assert_eq!(unknown("home"), None);
        assert!(
            text.contains("altfill_run_queue_photos{site=\"a \\\"b\\\"\\\\\"} 7"),
            "{text}"
        );
        assert!(
            !text.contains("exit_code") && !text.contains("last_success"),
            "{text}"
        );
    }

    #[test]
    fn what_was_written_before_is_found_again() {
        let last = LastGood {
            complete: Some(Moment(1_763_715_600_123)),
            success: Some(Moment(1_763_802_000_000)),
        };
        let text = page(&Measures {
            site: "a \"b\"\\, c",
            started: Moment(0),
            now: Moment(0),
            summary: None,
            listed: None,
            local: &BTreeSet::new(),
            waits: false,
            end: Some((1, NOT_STARTED)),
            last,
            archive: None,
        });
        assert!(text.contains("reason=\"not_started\"} 1"), "{text}");
        let (site, found) = earlier(&text);
        assert_eq!(found, last);
        assert!(site.is_some(), "{text}");
        assert_eq!(earlier(""), (None, LastGood::default()));
    }
}
