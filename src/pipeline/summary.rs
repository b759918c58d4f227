//! What a run did, in numbers. Its JSON form is a contract with scripts.

use super::{Event, Outcome};
use crate::archive::{Ended, Mode, ModelName, RunId, RunNumber, Skip};
use crate::site::Traffic;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The numbers of one run. Each photo is counted once:
/// `seen = written + held + failed + conflict + waiting + not_reached + all skipped`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's short number.
    pub run: i64,
    /// The run's unique id.
    pub id: String,
    /// What it was for.
    pub mode: &'static str,
    /// How it ended.
    pub ended: &'static str,
    /// Photos taken on.
    pub seen: u64,
    /// Texts written.
    pub written: u64,
    /// New drafts held.
    pub held: u64,
    /// Photos that failed.
    pub failed: u64,
    /// Photos that a person changed in the meantime.
    pub conflict: u64,
    /// Drafts kept by `--preview`.
    pub waiting: u64,
    /// Photos whose turn did not come.
    pub not_reached: u64,
    /// Photos left alone, by reason.
    pub skipped: Skipped,
    /// Drafts made.
    pub generated: u64,
    /// Requests to models, probes and repeats included.
    pub model_calls: u64,
    /// Metadata requests to the site.
    pub site_reads: u64,
    /// Writes to the site.
    pub site_writes: u64,
    /// Tokens, as the replies count them.
    pub tokens: Tokens,
    /// What it cost; `None` where no price is known.
    pub cost_usd: Option<f64>,
    /// How long it took.
    pub seconds: f64,
    /// What each model did.
    pub models: BTreeMap<String, ModelShare>,
    /// Only of `adopt`: texts taken into our record, of those that the survey
    /// skipped as unproven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<u64>,
    /// Only of a backfill, where there are any: texts of ours in the archive that
    /// another model or prompt made. An upgrade makes them anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outdated: Option<u64>,
    /// Only of a dry run: what a real one would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRun>,
}

/// Photos left alone, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the variants of `Skip`")]
pub struct Skipped {
    pub person: u64,
    pub unproven: u64,
    pub up_to_date: u64,
    pub cleared: u64,
    pub decorative: u64,
    pub undone: u64,
    pub held: u64,
    pub not_due: u64,
    pub parked: u64,
    pub excluded: u64,
    pub gone: u64,
    pub replaced: u64,
}

impl Skipped {
    fn slot(&mut self, skip: Skip) -> &mut u64 {
        match skip {
            Skip::Person => &mut self.person,
            Skip::Unproven => &mut self.unproven,
            Skip::UpToDate => &mut self.up_to_date,
            Skip::Cleared => &mut self.cleared,
            Skip::Decorative => &mut self.decorative,
            Skip::Undone => &mut self.undone,
            Skip::Held => &mut self.held,
            Skip::NotDue => &mut self.not_due,
            Skip::Parked => &mut self.parked,
            Skip::Excluded => &mut self.excluded,
            Skip::Gone => &mut self.gone,
            Skip::Replaced => &mut self.replaced,
        }
    }

    /// The count for one reason.
    pub fn get(mut self, skip: Skip) -> u64 {
        *self.slot(skip)
    }

    /// All of them.
    pub fn total(self) -> u64 {
        Skip::ALL.into_iter().map(|skip| self.get(skip)).sum()
    }
}

/// Tokens in and out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Prompt and image.
    pub input: u64,
    /// Text and thinking.
    pub output: u64,
}

/// What one model did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ModelShare {
    /// Requests.
    pub calls: u64,
    /// Drafts made.
    pub generated: u64,
    /// Requests that gave no text.
    pub failed: u64,
    /// Tokens, as the replies count them.
    pub tokens: Tokens,
    /// What it cost, as far as that is known; `None` where nothing is.
    pub cost_usd: Option<f64>,
    /// Requests that may have cost something that nobody knows.
    pub calls_without_price: u64,
}

/// What became of calls that may have to be paid.
const PAYABLE: [&str; 4] = ["ok", "length", "refused", "lost"];

/// What a real run would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DryRun {
    /// Photos for which a text would be made or a kept draft written.
    pub wanted: u64,
    /// Tokens that would be used at most.
    pub tokens: Tokens,
    /// What that would cost at most; `None` where no price is known.
    pub cost_usd: Option<f64>,
}

impl Summary {
    /// A run that has done nothing yet.
    pub fn new(run: RunNumber, id: &RunId, mode: Mode) -> Self {
        Self {
            run: run.0,
            id: id.to_string(),
            mode: mode.as_str(),
            ended: Ended::Complete.as_str(),
            seen: 0,
            written: 0,
            held: 0,
            failed: 0,
            conflict: 0,
            waiting: 0,
            not_reached: 0,
            skipped: Skipped::default(),
            generated: 0,
            model_calls: 0,
            site_reads: 0,
            site_writes: 0,
            tokens: Tokens::default(),
            cost_usd: None,
            seconds: 0.0,
            models: BTreeMap::new(),
            adopted: (mode == Mode::Adopt).then_some(0),
            outdated: None,
            dry_run: None,
        }
    }

    /// Counts what an event tells.
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Settled(settled) => {
                self.seen += 1;
                self.generated += u64::from(settled.generated);
                match &settled.outcome {
                    Outcome::Written { .. } => self.written += 1,
                    Outcome::Held(_) => self.held += 1,
                    Outcome::Failed(_) => self.failed += 1,
                    Outcome::Conflict(_) => self.conflict += 1,
                    Outcome::Waiting { .. } => self.waiting += 1,
                    Outcome::NotReached => self.not_reached += 1,
                    Outcome::Skipped(skip) => *self.skipped.slot(*skip) += 1,
                }
            }
            Event::Called {
                model,
                outcome,
                usage,
                cost,
                free,
                problem,
                ..
            } => {
                self.model_calls += 1;
                let share = self.share(model);
                share.calls += 1;
                share.failed += u64::from(problem.is_some());
                if let Some(usage) = usage {
                    share.tokens.input += usage.input;
                    share.tokens.output += usage.output;
                }
                if let Some(cost) = cost {
                    *share.cost_usd.get_or_insert(0.0) += cost.0;
                } else if !free && PAYABLE.contains(outcome) {
                    share.calls_without_price += 1;
                }
                if let Some(usage) = usage {
                    self.tokens.input += usage.input;
                    self.tokens.output += usage.output;
                }
                if let Some(cost) = cost {
                    *self.cost_usd.get_or_insert(0.0) += cost.0;
                }
            }
            Event::Adopted(_) => {
                *self.adopted.get_or_insert(0) += 1;
                // It was left alone at first, and no longer is.
                self.skipped.unproven = self.skipped.unproven.saturating_sub(1);
            }
            _ => {}
        }
    }

    pub(super) fn share(&mut self, model: &ModelName) -> &mut ModelShare {
        self.models.entry(model.to_string()).or_default()
    }

    pub(super) fn close(&mut self, ended: Ended, traffic: Traffic, took: Duration) {
        self.ended = ended.as_str();
        self.site_reads = traffic.reads;
        self.site_writes = traffic.writes;
        self.seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
    }

    /// All photos by how their way ended; equal to `seen`.
    pub fn accounted(&self) -> u64 {
        self.written
            + self.held
            + self.failed
            + self.conflict
            + self.waiting
            + self.not_reached
            + self.skipped.total()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settled;
    use super::*;
    use crate::archive::PhotoId;

    #[test]
    fn every_outcome_is_counted_exactly_once() {
        let mut outcomes = vec![
            Outcome::Written {
                text: String::new(),
            },
            Outcome::Held(Vec::new()),
            Outcome::Failed(String::new()),
            Outcome::Conflict(String::new()),
            Outcome::Waiting {
                text: String::new(),
            },
            Outcome::NotReached,
        ];
        outcomes.extend(Skip::ALL.map(Outcome::Skipped));
        let mut summary = Summary::new(RunNumber(1), &RunId::new("id"), Mode::Backfill);
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let photo = PhotoId::new("a/b");
            summary.count(&Event::Settled(Settled {
                photo,
                outcome,
                generated: false,
                ticket: false,
            }));
            assert_eq!(summary.seen, index as u64 + 1);
            assert_eq!(summary.accounted(), summary.seen);
        }
        assert_eq!(summary.skipped.total(), Skip::ALL.len() as u64);
    }

    #[test]
    fn the_json_form_has_the_documented_keys_in_order() {
        let summary = Summary::new(RunNumber(3), &RunId::new("x"), Mode::Backfill);
        let json = serde_json::to_value(&summary).expect("plain data");
        let keys: Vec<&str> = json
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys.join(" "),
            "run id mode ended seen written held failed conflict waiting not_reached skipped \
             generated model_calls site_reads site_writes tokens cost_usd seconds models"
        );
    }
}
