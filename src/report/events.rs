//! For programs that follow a run: one JSON object for each thing that happens.
//! `docs/EVENTS.md` describes them and `docs/schema/events.schema.json` says the
//! same to machines. A contract: fields may come, none changes or goes without a
//! new [`VERSION`].

use crate::archive::{Ended, Moment};
use crate::pipeline::{Action, Event, Settled, Summary};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The version of the contract, the `v` of every line.
pub const VERSION: u64 = 1;

/// What became of calls to a model that is there again.
const WELL: [&str; 4] = ["ok", "length", "refused", "photo"];

/// Turns what a run tells into lines.
#[derive(Debug)]
pub struct Follow {
    site: String,
    action: &'static str,
    run: Option<i64>,
    /// Whom the run waits for, and why.
    paused: BTreeMap<String, String>,
}

/// How a command ended.
#[derive(Debug)]
pub struct End<'e> {
    /// Its exit code.
    pub exit_code: u8,
    /// The run's own word, or that there was none.
    pub ended: &'e str,
    /// Its summary, where a run began.
    pub summary: Option<&'e Summary>,
    /// What went wrong, where something did.
    pub error: Option<&'e str>,
}

impl Follow {
    /// Follows a run on this site that goes so far.
    pub fn new(site: impl Into<String>, action: Action) -> Self {
        Self {
            site: site.into(),
            action: match action {
                Action::Write => "write",
                Action::Preview => "preview",
                Action::DryRun => "dry_run",
            },
            run: None,
            paused: BTreeMap::new(),
        }
    }

    /// Whether the run waits for somebody.
    pub fn waits(&self) -> bool {
        !self.paused.is_empty()
    }

    /// The lines that an event is worth.
    pub fn hear(&mut self, event: &Event, now: Moment) -> Vec<Value> {
        match event {
            Event::Started { run, id, mode } => {
                self.run = Some(run.0);
                self.paused.clear();
                let facts = json!({
                    "id": id.as_str(),
                    "mode": mode.as_str(),
                    "action": self.action,
                    "site": self.site,
                    "altfill": env!("CARGO_PKG_VERSION"),
                });
                vec![self.line("started", now, facts)]
            }
            Event::Listed(photos) => vec![self.line("listed", now, json!({"photos": photos}))],
            Event::Settled(settled) => vec![self.photo(settled, now)],
            Event::Waiting { whom, wait, why } => self.pause(whom, *wait, why, now),
            Event::Resumed { whom } => self.resume(whom, now),
            Event::Called { model, outcome, .. } if WELL.contains(outcome) => {
                self.resume(model.as_str(), now)
            }
            Event::Stopping(ended) => {
                vec![self.line("stopping", now, json!({"reason": Ended::as_str(*ended)}))]
            }
            Event::Notice(text) => vec![self.line("notice", now, json!({"text": text}))],
            Event::Expected(_) | Event::Wanted(_) | Event::Called { .. } | Event::Adopted(_) => {
                Vec::new()
            }
        }
    }

    /// The last line.
    pub fn end(&self, end: &End<'_>, now: Moment) -> Value {
        let facts = json!({
            "exit_code": end.exit_code,
            "reason": end.ended,
            "error": end.error,
            "summary": end.summary,
        });
        self.line("ended", now, facts)
    }

    fn photo(&self, settled: &Settled, now: Moment) -> Value {
        let facts = json!({
            "photo": settled.photo.as_str(),
            "outcome": settled.outcome.as_str(),
            "reason": settled.outcome.reason(),
            "generated": settled.generated,
        });
        self.line("photo", now, facts)
    }

    /// Everybody who waits says so; one line does for all.
    fn pause(&mut self, whom: &str, wait: Duration, why: &str, now: Moment) -> Vec<Value> {
        if self.paused.get(whom).is_some_and(|known| known == why) {
            return Vec::new();
        }
        self.paused.insert(whom.to_owned(), why.to_owned());
        let seconds = (!wait.is_zero()).then_some(wait.as_secs_f64());
        let facts = json!({"whom": whom, "reason": why, "seconds": seconds});
        vec![self.line("paused", now, facts)]
    }

    fn resume(&mut self, whom: &str, now: Moment) -> Vec<Value> {
        if self.paused.remove(whom).is_none() {
            return Vec::new();
        }
        vec![self.line("resumed", now, json!({"whom": whom}))]
    }

    fn line(&self, event: &str, now: Moment, facts: Value) -> Value {
        let mut line = Map::new();
        line.insert("v".to_owned(), VERSION.into());
        line.insert("time".to_owned(), time(now).into());
        line.insert("event".to_owned(), event.into());
        line.insert("run".to_owned(), self.run.into());
        if let Value::Object(facts) = facts {
            line.extend(facts);
        }
        Value::Object(line)
    }
}

/// A moment as RFC 3339 in UTC, with milliseconds.
pub fn time(moment: Moment) -> String {
    jiff::Timestamp::from_millisecond(moment.0)
        .map_or_else(|_| "?".to_owned(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(whom: &str, why: &str) -> Event {
        Event::Waiting {
            whom: whom.to_owned(),
            wait: Duration::from_secs(2),
            why: why.to_owned(),
        }
    }

    #[test]
    fn many_who_wait_for_the_same_are_one_pause() {
        let mut follow = Follow::new("site", Action::Write);
        let mut told = Vec::new();
        for event in [
            waiting("m", "503"),
            waiting("m", "503"),
            waiting("the site", "refused"),
            waiting("m", "429"),
            Event::Resumed {
                whom: "the site".to_owned(),
            },
            Event::Resumed {
                whom: "the site".to_owned(),
            },
        ] {
            let lines = follow.hear(&event, Moment(0));
            told.extend(
                lines
                    .iter()
                    .map(|line| format!("{} {}", line["event"], line["whom"])),
            );
        }
        let expected = [
            r#""paused" "m""#,
            r#""paused" "the site""#,
            r#""paused" "m""#,
            r#""resumed" "the site""#,
        ];
        assert_eq!(told, expected);
        assert!(follow.waits());
    }

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        assert_eq!(time(Moment(1_763_715_600_007)), "2025-11-21T09:00:00.007Z");
        assert_eq!(time(Moment(0)), "1970-01-01T00:00:00.000Z");
    }
}
