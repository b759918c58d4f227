//! What a report says, before it has a form: how each photo stands, what each
//! album lacks, what it cost. Values in, values out.

use crate::archive::Usd;
use crate::checkpoint::ModelCost;
use serde::Serialize;
use serde_json::Value;

/// How a photo stands in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// With a person's text.
    Person,
    /// With our text.
    Ours,
    /// With a machine's text that our record doesn't prove.
    Unproven,
    /// Decorative: it is to have no text.
    Decorative,
    /// Without a text, and a draft is ready.
    Waiting,
    /// Without a text, and a draft waits for a person.
    Held,
    /// Without a text, because making one failed.
    Failed,
    /// Without a text.
    Missing,
}

impl State {
    /// Every state, in the order in which reports list them.
    pub const ALL: [Self; 8] = [
        Self::Person,
        Self::Ours,
        Self::Unproven,
        Self::Decorative,
        Self::Waiting,
        Self::Held,
        Self::Failed,
        Self::Missing,
    ];

    /// The name in JSON and CSV.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Ours => "ours",
            Self::Unproven => "unproven",
            Self::Decorative => "decorative",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }

    /// In words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Person => "text by a person",
            Self::Ours => "text by altfill",
            Self::Unproven => "machine text of unproven origin",
            Self::Decorative => "decorative, needs no text",
            Self::Waiting => "no text yet, draft ready",
            Self::Held => "no text yet, draft held",
            Self::Failed => "no text yet, failed",
            Self::Missing => "no text",
        }
    }

    /// Whether a listener is served: there is a text, or none is needed.
    pub fn covered(self) -> bool {
        matches!(
            self,
            Self::Person | Self::Ours | Self::Unproven | Self::Decorative
        )
    }
}

/// A whole report. Its JSON form is a contract with scripts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The site's name.
    pub site: String,
    /// When the report was made, as RFC 3339 in UTC.
    pub made_at: String,
    /// The run that it tells of; `None` for the archive.
    pub run: Option<RunFacts>,
    /// The archive as it was last seen: photos in all, and by [`State`].
    pub totals: Totals,
    /// The same by album.
    pub albums: Vec<Album>,
    /// What was spent by this run, or ever.
    pub spent: Spent,
    /// The photos that it tells of.
    pub photos: Vec<Photo>,
}

/// The run that a report tells of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunFacts {
    /// Its short number.
    pub run: i64,
    /// What it was for.
    pub mode: String,
    /// `write`, `preview` or `dry_run`, where the report was made by the run.
    pub action: Option<&'static str>,
    /// When it began, as RFC 3339 in UTC.
    pub started: String,
    /// When it ended.
    pub finished: Option<String>,
    /// How it ended; `None` while it runs.
    pub ended: Option<String>,
    /// Its summary, as `run --json` prints it.
    pub summary: Value,
}

/// Photos, by how they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All of them.
    pub photos: u64,
    pub person: u64,
    pub ours: u64,
    pub unproven: u64,
    pub decorative: u64,
    pub waiting: u64,
    pub held: u64,
    pub failed: u64,
    pub missing: u64,
}

impl Totals {
    fn slot(&mut self, state: State) -> &mut u64 {
        match state {
            State::Person => &mut self.person,
            State::Ours => &mut self.ours,
            State::Unproven => &mut self.unproven,
            State::Decorative => &mut self.decorative,
            State::Waiting => &mut self.waiting,
            State::Held => &mut self.held,
            State::Failed => &mut self.failed,
            State::Missing => &mut self.missing,
        }
    }

    pub(super) fn add(&mut self, state: State) {
        self.photos += 1;
        *self.slot(state) += 1;
    }

    /// The photos in one state.
    pub fn get(&self, state: State) -> u64 {
        *self.clone().slot(state)
    }

    /// Photos whose listener is served.
    pub fn covered(&self) -> u64 {
        State::ALL
            .into_iter()
            .filter(|state| state.covered())
            .map(|state| self.get(state))
            .sum()
    }

    /// The share of them, 0 to 100; nothing lacks in an empty album.
    pub fn coverage(&self) -> f64 {
        if self.photos == 0 {
            return 100.0;
        }
        self.covered() as f64 * 100.0 / self.photos as f64
    }

    /// That share without decimals, never rounded up to "all".
    pub fn percent(&self) -> u64 {
        let share = self.coverage();
        if share > 99.0 && self.covered() < self.photos {
            99
        } else {
            share.round() as u64
        }
    }
}

/// One album's photos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Album {
    /// Its name.
    pub album: String,
    /// Its photos, by how they stand.
    #[serde(flatten)]
    pub totals: Totals,
}

/// What models cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spent {
    /// Requests.
    pub calls: u64,
    /// Tokens in.
    pub input_tokens: u64,
    /// Tokens out.
    pub output_tokens: u64,
    /// US dollars, as far as prices are known; `None` where none is.
    pub cost_usd: Option<f64>,
    /// Of the calls: those whose cost is not known, and so not in `cost_usd`.
    pub calls_without_price: u64,
    /// By model.
    pub models: Vec<SpentOn>,
}

/// What one model cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpentOn {
    pub model: String,
    pub calls: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cost_usd: Option<f64>,
    pub calls_without_price: u64,
}

impl SpentOn {
    /// What it cost, in words.
    pub(super) fn cost(&self) -> String {
        let unknown = self.calls_without_price;
        match self.cost_usd {
            None if unknown == 0 => Usd(0.0).to_string(),
            None => "no price".to_owned(),
            Some(cost) if unknown == 0 => Usd(cost).to_string(),
            Some(cost) => format!("{} + {unknown} unpriced", Usd(cost)),
        }
    }
}

impl Spent {
    pub(super) fn new(costs: Vec<ModelCost>) -> Self {
        let mut all = Self::default();
        for cost in &costs {
            all.calls += cost.calls;
            all.input_tokens += cost.input_tokens;
            all.output_tokens += cost.output_tokens;
            all.calls_without_price += cost.calls_without_price;
            if let Some(usd) = cost.cost_usd {
                *all.cost_usd.get_or_insert(0.0) += usd;
            }
        }
        let one = |cost: ModelCost| SpentOn {
            model: cost.model,
            calls: cost.calls,
            input_tokens: cost.input_tokens,
            output_tokens: cost.output_tokens,
            cost_usd: cost.cost_usd,
            calls_without_price: cost.calls_without_price,
        };
        all.models = costs.into_iter().map(one).collect();
        all
    }
}

/// One photo of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Photo {
    /// Its id.
    #[serde(rename = "photo")]
    pub id: String,
    /// Its album.
    pub album: String,
    /// Its title.
    pub title: Option<String>,
    /// How it stands in the archive.
    pub state: State,
    /// What the run did with it; `None` in a report of the archive.
    pub outcome: Option<String>,
    /// Why it stands so, or why the run did that, in words.
    pub why: Option<String>,
    /// The alt text before our write; `None` where we wrote none.
    pub alt_before: Option<String>,
    /// The alt text as it was last seen, or as the run left it.
    pub alt_after: String,
    /// A draft that is not on the site.
    pub draft: Option<String>,
    /// The model that made the text or the draft.
    pub model: Option<String>,
    /// 0.0 (bad) to 1.0 (good), where it was scored.
    pub score: Option<f64>,
    /// `write`, `hold` or `reject`.
    pub verdict: Option<&'static str>,
    /// Why the verdict is not `write`.
    pub reasons: Vec<&'static str>,
    /// What a person decided about the draft: `accepted` or `rejected`.
    pub decision: Option<String>,
    /// The run that wrote the text or made the draft.
    pub run: Option<i64>,
    /// When, as RFC 3339 in UTC.
    pub at: Option<String>,
    /// The photo on the site: its page, or its image.
    pub link: Option<String>,
    /// A small image of it.
    pub image: Option<String>,
}
