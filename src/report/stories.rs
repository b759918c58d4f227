//! What happened to each photo while a run was watched.

use crate::archive::{Mode, Owner, PhotoId, Skip};
use crate::checkpoint::PhotoFacts;
use crate::pipeline::{Action, Event, Outcome};
use std::collections::BTreeMap;

/// How the ways of a run's photos ended. Memory grows with the archive, since a
/// report names every photo.
#[derive(Clone, Debug, Default)]
pub struct Stories(BTreeMap<PhotoId, Story>);

/// How one photo's way ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Story {
    wanted: bool,
    dry: bool,
    outcome: Option<Outcome>,
}

impl Stories {
    /// Takes in what an event tells.
    pub fn hear(&mut self, event: &Event, action: Action) {
        match event {
            Event::Wanted(photo) => self.of(photo).wanted = true,
            Event::Settled(settled) => {
                let story = self.of(&settled.photo);
                story.dry = action == Action::DryRun;
                story.outcome = Some(settled.outcome.clone());
            }
            _ => {}
        }
    }

    fn of(&mut self, photo: &PhotoId) -> &mut Story {
        self.0.entry(photo.clone()).or_default()
    }

    pub(super) fn into_map(self) -> BTreeMap<PhotoId, Story> {
        self.0
    }
}

impl Story {
    /// One word for what happened, or would happen.
    pub(super) fn outcome(&self) -> &'static str {
        match &self.outcome {
            Some(Outcome::Written { .. }) => "written",
            Some(Outcome::Held(_)) => "held",
            Some(Outcome::Failed(_)) => "failed",
            Some(Outcome::Conflict(_)) => "conflict",
            Some(Outcome::Waiting { .. }) => "waiting",
            Some(Outcome::NotReached) if self.dry && self.wanted => "would be done",
            Some(Outcome::NotReached) | None => "not reached",
            Some(Outcome::Skipped(_)) => "left alone",
        }
    }

    /// Why, in words.
    pub(super) fn why(&self, facts: &PhotoFacts, mode: &str) -> Option<String> {
        match self.outcome.as_ref()? {
            Outcome::Held(reasons) => {
                let words: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                Some(words.join("; "))
            }
            Outcome::Failed(why) | Outcome::Conflict(why) => Some(why.clone()),
            Outcome::NotReached if self.dry && self.wanted => Some(wanted(facts, mode)),
            Outcome::NotReached | Outcome::Written { .. } | Outcome::Waiting { .. } => None,
            Outcome::Skipped(skip) => Some(left_alone(*skip).to_owned()),
        }
    }
}

/// Why a text would be made.
fn wanted(facts: &PhotoFacts, mode: &str) -> String {
    let alt = facts.alt.as_deref().unwrap_or_default().trim();
    let accepted = facts
        .draft
        .as_ref()
        .is_some_and(|draft| draft.decision.as_deref() == Some("accepted") && !draft.written);
    let upgrade = mode == Mode::Upgrade.as_str();
    match facts.owner {
        _ if accepted => "a person accepted a text for it".into(),
        Some(Owner::Ours) if upgrade => "our text was made with another recipe".into(),
        Some(Owner::Ours) => "its image was replaced since our text was made".into(),
        _ if alt.is_empty() => "it has no alt text".into(),
        _ => format!("its alt text is only a placeholder: {alt}"),
    }
}

fn left_alone(skip: Skip) -> &'static str {
    match skip {
        Skip::Person => "a person wrote the text",
        Skip::Unproven => "a machine's text that our record doesn't prove",
        Skip::UpToDate => "our text, up to date",
        Skip::Cleared => "a person removed the text",
        Skip::Decorative => "decorative",
        Skip::Undone => "undone before",
        Skip::Held => "a draft is held and waits for a person",
        Skip::NotDue => "failed lately, not due yet",
        Skip::Parked => "parked until its image changes",
        Skip::Excluded => "not asked for",
        Skip::Gone => "the site does not have it any more",
        Skip::Replaced => "a later run replaced that text",
    }
}
