//! Where a wanted text comes from: a draft that is already there, a reply that
//! was paid for but not yet judged, or a new call.

use crate::archive::{CallId, DraftId, Verdict};

/// A draft of the slot that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundDraft {
    /// Which.
    pub id: DraftId,
    /// What was thought of it.
    pub verdict: Verdict,
}

/// What the checkpoint has for one slot under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// A draft that a person accepted and that is not on the site yet, under
    /// whatever key.
    pub accepted: Option<DraftId>,
    /// The newest draft under the key that no person rejected.
    pub draft: Option<FoundDraft>,
    /// A draft under the key that a person rejected.
    pub rejected: Option<DraftId>,
    /// A stored reply under the key that became no draft yet.
    pub answered: Option<CallId>,
}

/// Where the text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This draft is to be written.
    Draft(DraftId),
    /// A draft waits for a person, or was turned down: nothing is made.
    Held,
    /// This stored reply is to be judged.
    Judge(CallId),
    /// A model is to be asked.
    Generate,
}

/// Whether what is there may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Yes: never pay twice.
    Reuse,
    /// No: a person asked for a new text.
    Fresh,
}

/// Decides where the text comes from.
pub fn source(found: Found, freshness: Freshness) -> Source {
    if freshness == Freshness::Fresh {
        return Source::Generate;
    }
    if let Some(draft) = found.accepted {
        return Source::Draft(draft);
    }
    match (found.draft, found.answered) {
        (Some(draft), _) if draft.verdict == Verdict::Write => Source::Draft(draft.id),
        (Some(_), _) => Source::Held,
        (None, _) if found.rejected.is_some() => Source::Held,
        (None, Some(call)) => Source::Judge(call),
        (None, None) => Source::Generate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_what_is_there_has_one_source() {
        let verdicts = [
            None,
            Some(Verdict::Write),
            Some(Verdict::Hold),
            Some(Verdict::Reject),
        ];
        for accepted in [None, Some(DraftId(7))] {
            for verdict in verdicts {
                for rejected in [None, Some(DraftId(2))] {
                    for answered in [None, Some(CallId(9))] {
                        let draft = verdict.map(|verdict| FoundDraft {
                            id: DraftId(1),
                            verdict,
                        });
                        let found = Found {
                            accepted,
                            draft,
                            rejected,
                            answered,
                        };
                        let expected = if accepted.is_some() {
                            Source::Draft(DraftId(7))
                        } else {
                            match verdict {
                                Some(Verdict::Write) => Source::Draft(DraftId(1)),
                                Some(_) => Source::Held,
                                None if rejected.is_some() => Source::Held,
                                None => answered.map_or(Source::Generate, Source::Judge),
                            }
                        };
                        assert_eq!(source(found, Freshness::Reuse), expected, "{found:?}");
                        assert_eq!(source(found, Freshness::Fresh), Source::Generate);
                    }
                }
            }
        }
    }
}
