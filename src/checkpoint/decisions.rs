//! What a person decides about drafts: those that are open, and the verdicts
//! that come back.

use super::{Checkpoint, CheckpointError, SlotRow};
use crate::archive::{
    DraftId, Fingerprint, Language, Moment, Owner, PhotoId, Reason, SlotKind, Verdict,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use std::collections::HashMap;

/// Drafts that a person may decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenDrafts {
    /// Those that wait for a person.
    Held,
    /// Those that the next run would write, too.
    All,
}

/// A draft that nobody decided about and that is not on the site.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenDraft {
    /// Its number.
    pub id: DraftId,
    /// The photo.
    pub photo: PhotoId,
    /// Its album, as the site names it.
    pub album: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Where the site says that its image is.
    pub image: Option<String>,
    /// The alt text when it was last seen.
    pub alt: String,
    /// The draft's text.
    pub text: String,
    /// The model that made it.
    pub model: Option<String>,
    /// What was thought of it.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// 0.0 (bad) to 1.0 (good), where it was scored.
    pub score: Option<f64>,
}

impl OpenDraft {
    /// Changes when the draft or the photo's text does, and begins with a letter
    /// that keeps spreadsheets from taking it for a number.
    pub fn fingerprint(&self) -> String {
        let hash = Fingerprint::new("open draft")
            .part("draft", &self.id.0.to_le_bytes())
            .part("photo", self.photo.as_str().as_bytes())
            .part("text", self.text.as_bytes())
            .part("alt", self.alt.as_bytes())
            .finish();
        format!("x{}", &hash[..12])
    }
}

/// What a person says of one draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing was decided; this is the text that stands there.
    Open(String),
    /// Write it as it is; this is the text that the person saw.
    Accept(String),
    /// Write this text in its place, as a person's.
    Edit(String),
    /// Never write it.
    Reject,
}

/// A decision with all that shows what it was made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Where it stands, for messages.
    pub line: u64,
    /// The draft.
    pub draft: DraftId,
    /// The photo.
    pub photo: String,
    /// What [`OpenDraft::fingerprint`] was when the person saw it.
    pub fingerprint: String,
    /// The decision.
    pub decision: Decision,
}

/// Whether some decisions may be recorded without the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// All or none.
    Whole,
    /// Those that can be.
    Partial,
}

/// A decision that was not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where it stands.
    pub line: u64,
    /// Why.
    pub why: String,
}

/// What became of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Drafts that the next run writes.
    pub accepted: u64,
    /// Texts of the person that the next run writes.
    pub edited: u64,
    /// Drafts that are never written.
    pub rejected: u64,
    /// Decisions that were not recorded.
    pub refused: Vec<Refusal>,
}

/// The key of a text that a person gave in place of a draft.
pub(super) const EDITED: &str = "import";

const OPEN: &str = "SELECT drafts.id, photos.photo, photos.album, photos.title,
    coalesce(photos.alt, ''), drafts.text, drafts.model, drafts.verdict, drafts.reasons,
    drafts.score, photos.image FROM drafts
    JOIN slots ON slots.id = drafts.slot JOIN photos ON photos.id = slots.photo";

impl Checkpoint {
    /// The newest draft of each photo that nobody decided about and that is not
    /// on the site, in the order of the photos' ids.
    pub async fn open_drafts(
        &self,
        which: OpenDrafts,
        kind: SlotKind,
        language: &Language,
    ) -> Result<Vec<OpenDraft>, CheckpointError> {
        let (site, language) = (self.site.to_string(), language.to_string());
        let only = match which {
            OpenDrafts::Held => "AND drafts.id = slots.held_draft",
            OpenDrafts::All => {
                "AND drafts.id = (SELECT max(id) FROM drafts AS newest
                                  WHERE newest.slot = slots.id)"
            }
        };
        self.verb(move |connection| {
            connection
                .prepare(&format!(
                    "{OPEN} WHERE photos.site = :site AND slots.kind = :kind
                        AND slots.language = :language AND drafts.decision IS NULL
                        AND NOT photos.gone
                        AND coalesce(photos.owner, 'nobody') IN ('nobody', 'ours')
                        AND NOT EXISTS (SELECT 1 FROM writes WHERE writes.slot = slots.id
                            AND writes.state IN ('confirmed', 'undone')
                            AND (writes.draft = drafts.id OR writes.intended_at > drafts.made_at))
                        {only} ORDER BY photos.photo"
                ))?
                .query_map(
                    named_params! {
                        ":site": site, ":kind": kind.as_str(), ":language": language,
                    },
                    open_draft,
                )?
                .collect()
        })
        .await
    }

    /// Records decisions that a person made: all of them or, where some can't be
    /// and `completeness` demands it, none. `by` says how they came to us.
    pub async fn decide(
        &self,
        rulings: Vec<Ruling>,
        completeness: Completeness,
        by: &'static str,
        at: Moment,
    ) -> Result<Decided, CheckpointError> {
        self.verb(move |connection| {
            let mut decided = Decided::default();
            let mut sound = Vec::new();
            let mut lines: HashMap<i64, Vec<u64>> = HashMap::new();
            for ruling in rulings {
                if let Decision::Open(seen) = &ruling.decision {
                    decided
                        .refused
                        .extend(undecided(connection, &ruling, seen)?);
                    continue;
                }
                match check(connection, &ruling)? {
                    Ok(slot) => {
                        lines.entry(slot.0).or_default().push(ruling.line);
                        sound.push((slot, ruling));
                    }
                    Err(why) => decided.refused.push(Refusal {
                        line: ruling.line,
                        why,
                    }),
                }
            }
            sound.retain(|(slot, ruling)| {
                let others: Vec<String> = lines[&slot.0]
                    .iter()
                    .filter(|line| **line != ruling.line)
                    .map(ToString::to_string)
                    .collect();
                if others.is_empty() {
                    return true;
                }
                let why = format!(
                    "{} has another decision in line {}; keep one",
                    ruling.photo,
                    others.join(", ")
                );
                decided.refused.push(Refusal {
                    line: ruling.line,
                    why,
                });
                false
            });
            decided.refused.sort_by_key(|refusal| refusal.line);
            if completeness == Completeness::Whole && !decided.refused.is_empty() {
                return Ok(decided);
            }
            for (slot, ruling) in sound {
                record(connection, slot, &ruling, (by, at))?;
                match ruling.decision {
                    Decision::Accept(_) => decided.accepted += 1,
                    Decision::Edit(_) => decided.edited += 1,
                    Decision::Reject => decided.rejected += 1,
                    Decision::Open(_) => {}
                }
            }
            Ok(decided)
        })
        .await
    }
}

/// The draft of a slot that a person accepted and that is still to be written. A
/// write that came after the decision has settled it.
pub(super) fn accepted(
    connection: &Connection,
    slot: SlotRow,
) -> rusqlite::Result<Option<DraftId>> {
    connection
        .prepare_cached(
            "SELECT id FROM drafts WHERE slot = ?1 AND decision = 'accepted'
             AND NOT EXISTS (SELECT 1 FROM writes WHERE writes.slot = drafts.slot
                AND writes.state IN ('confirmed', 'undone')
                AND (writes.draft = drafts.id
                     OR writes.intended_at >= coalesce(drafts.decided_at, 0)))
             ORDER BY decided_at DESC, id DESC LIMIT 1",
        )?
        .query_row([slot.0], |row| row.get(0).map(DraftId))
        .optional()
}

/// One line of words: neither a spreadsheet's line ends nor spaces at the ends
/// make another text.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text that somebody changed without deciding anything would be lost silently.
fn undecided(
    connection: &Connection,
    ruling: &Ruling,
    seen: &str,
) -> rusqlite::Result<Option<Refusal>> {
    let made: Option<String> = connection
        .prepare_cached("SELECT text FROM drafts WHERE id = ?1")?
        .query_row([ruling.draft.0], |row| row.get(0))
        .optional()?;
    let changed = made.is_some_and(|made| words(&made) != words(seen));
    Ok(changed.then(|| Refusal {
        line: ruling.line,
        why: format!(
            "the text of {} was changed, but nothing is decided: write `edit`, or restore it",
            ruling.photo
        ),
    }))
}

/// Whether a ruling can be recorded; the inner error says why not.
fn check(connection: &Connection, ruling: &Ruling) -> rusqlite::Result<Result<SlotRow, String>> {
    let (id, photo) = (ruling.draft.0, &ruling.photo);
    let found = connection
        .prepare_cached(&format!("{OPEN} WHERE drafts.id = ?1"))?
        .query_row([id], open_draft)
        .optional()?;
    let Some(draft) = found else {
        return Ok(Err(format!(
            "there is no draft {id}; was the column `draft` changed?"
        )));
    };
    if draft.photo.as_str() != photo {
        return Ok(Err(format!(
            "draft {id} belongs to {}, not to {photo}; was an id changed?",
            draft.photo
        )));
    }
    let (slot, owner, decision, written): (i64, Option<String>, Option<String>, bool) = connection
        .prepare_cached(
            "SELECT slots.id, photos.owner, drafts.decision,
                EXISTS (SELECT 1 FROM writes WHERE writes.slot = drafts.slot
                        AND writes.draft = drafts.id AND writes.state IN ('confirmed', 'undone'))
             FROM drafts JOIN slots ON slots.id = drafts.slot
             JOIN photos ON photos.id = slots.photo WHERE drafts.id = ?1",
        )?
        .query_row([id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let owner = owner.as_deref().and_then(Owner::parse);
    let why = if written {
        format!("draft {id} of {photo} is on the site already")
    } else if let Some(decision) = decision {
        format!("draft {id} of {photo} was {decision} already")
    } else if matches!(owner, Some(Owner::Person | Owner::Unproven)) {
        format!("{photo} has somebody else's text by now")
    } else if draft.fingerprint() != ruling.fingerprint {
        format!("the alt text of {photo} changed since the export; export it again")
    } else {
        match objection(&draft, &ruling.decision) {
            None => return Ok(Ok(SlotRow(slot))),
            Some(why) => why,
        }
    };
    Ok(Err(why))
}

/// What speaks against a decision, given its text.
fn objection(draft: &OpenDraft, decision: &Decision) -> Option<String> {
    let made = words(&draft.text);
    let photo = &draft.photo;
    match decision {
        Decision::Accept(_) if made.is_empty() => Some(format!(
            "the draft of {photo} has no text to accept; write one and decide `edit`"
        )),
        Decision::Accept(seen) if words(seen) != made => Some(format!(
            "the text of {photo} was changed, so it is yours: decide `edit`, or restore it"
        )),
        Decision::Edit(text) if words(text).is_empty() => Some(format!(
            "the new text of {photo} is empty; give one, or decide `reject`"
        )),
        Decision::Edit(text) if words(text) == made => Some(format!(
            "the text of {photo} is unchanged; change it, or decide `accept`"
        )),
        _ => None,
    }
}

fn record(
    connection: &Connection,
    slot: SlotRow,
    ruling: &Ruling,
    (by, at): (&str, Moment),
) -> rusqlite::Result<()> {
    let word = match ruling.decision {
        Decision::Accept(_) => "accepted",
        Decision::Edit(_) | Decision::Reject => "rejected",
        Decision::Open(_) => return Ok(()),
    };
    connection
        .prepare_cached(
            "UPDATE drafts SET decision = ?2, decided_by = ?3, decided_at = ?4 WHERE id = ?1",
        )?
        .execute(params![ruling.draft.0, word, by, at.0])?;
    if let Decision::Edit(text) = &ruling.decision {
        // A person's text has neither model nor recipe, and that is how the next
        // run knows whose it is.
        connection
            .prepare_cached(
                "INSERT INTO drafts (slot, run, key, text, verdict, reasons, made_at, decision,
                    decided_by, decided_at)
                 SELECT slot, run, ?2, ?3, 'write', '', ?5, 'accepted', ?4, ?5
                 FROM drafts WHERE id = ?1",
            )?
            .execute(params![ruling.draft.0, EDITED, words(text), by, at.0])?;
    }
    if ruling.decision != Decision::Reject {
        // There is a text now, so that whatever kept the slot waiting is over. A
        // person who clears the text later still has the last word.
        connection
            .prepare_cached(
                "UPDATE slots SET held_draft = NULL, held_basis = NULL, cleared = 0,
                    decorative = 0, tries = 0, due = NULL, parked = 0, parked_pixels = NULL,
                    last_error = NULL WHERE id = ?1",
            )?
            .execute([slot.0])?;
    }
    Ok(())
}

fn open_draft(row: &Row<'_>) -> rusqlite::Result<OpenDraft> {
    let reasons: String = row.get(8)?;
    Ok(OpenDraft {
        id: DraftId(row.get(0)?),
        photo: PhotoId::new(row.get::<_, String>(1)?),
        album: row.get(2)?,
        title: row.get(3)?,
        image: row.get(10)?,
        alt: row.get(4)?,
        text: row.get(5)?,
        model: row.get(6)?,
        verdict: Verdict::parse(&row.get::<_, String>(7)?).unwrap_or(Verdict::Hold),
        reasons: reasons.split(',').filter_map(Reason::parse).collect(),
        score: row.get(9)?,
    })
}
