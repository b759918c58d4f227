//! All that ever happened to one photo, from every table that knows of it.

use super::{Checkpoint, CheckpointError};
use crate::archive::{Language, Moment, PhotoId, RunNumber, SlotKind};
use rusqlite::{Connection, params};

/// Something that happened to a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// When.
    pub at: Moment,
    /// In which run; `None` where no run did it.
    pub run: Option<RunNumber>,
    /// What that run was for.
    pub mode: Option<String>,
    /// What.
    pub what: What,
}

/// The kinds of things that happen to a photo. Tags, owners, states and verdicts
/// are the words of the checkpoint's tables.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are the columns of the tables")]
pub enum What {
    /// The site showed a text that was not known.
    Seen {
        alt: String,
        tag: Option<String>,
        owner: String,
    },
    /// A model was asked.
    Asked {
        model: String,
        answered: Option<String>,
        state: String,
        tokens: Option<(u64, u64)>,
        cost_usd: Option<f64>,
        error: Option<String>,
    },
    /// A text was made; without a model it is a person's.
    Drafted {
        draft: i64,
        model: Option<String>,
        text: String,
        verdict: String,
        reasons: String,
        score: Option<f64>,
    },
    /// A person decided about a draft.
    Decided {
        draft: i64,
        decision: String,
        by: Option<String>,
    },
    /// The site was changed, or was to be.
    Wrote {
        before: String,
        sent: String,
        kept: Option<String>,
        tag: Option<String>,
        state: String,
        model: Option<String>,
        error: Option<String>,
        takes_back: Option<RunNumber>,
    },
    /// It failed.
    Failed {
        error: String,
        tries: u32,
        parked: bool,
    },
}

impl Checkpoint {
    /// All that happened to one text of a photo, oldest first; empty for a photo
    /// that is not known.
    pub async fn history(
        &self,
        photo: &PhotoId,
        kind: SlotKind,
        language: &Language,
    ) -> Result<Vec<Happening>, CheckpointError> {
        let (site, photo) = (self.site.to_string(), photo.to_string());
        let language = language.to_string();
        self.verb(move |connection| {
            let slots: Vec<i64> = connection
                .prepare(
                    "SELECT slots.id FROM slots JOIN photos ON photos.id = slots.photo
                     WHERE photos.site = ?1 AND photos.photo = ?2 AND slots.kind = ?3
                        AND slots.language = ?4",
                )?
                .query_map(params![site, photo, kind.as_str(), language], |row| {
                    row.get(0)
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut all = Vec::new();
            for slot in slots {
                for part in [seen, asked, drafted, decided, wrote, failed] {
                    all.extend(part(connection, slot)?);
                }
            }
            // What happened in one millisecond happened in the order above.
            all.sort_by_key(|happening| happening.at);
            Ok(all)
        })
        .await
    }

    /// Whether a photo was ever taken into a run.
    pub async fn knows(&self, photo: &PhotoId) -> Result<bool, CheckpointError> {
        let (site, photo) = (self.site.to_string(), photo.to_string());
        self.verb(move |connection| {
            connection
                .prepare("SELECT 1 FROM photos WHERE site = ?1 AND photo = ?2")?
                .exists([site, photo])
        })
        .await
    }

    /// The ids of all photos that are known, in their order.
    pub async fn photo_ids(&self) -> Result<Vec<PhotoId>, CheckpointError> {
        let site = self.site.to_string();
        self.verb(move |connection| {
            connection
                .prepare("SELECT photo FROM photos WHERE site = ?1 ORDER BY photo")?
                .query_map([site], |row| row.get::<_, String>(0).map(PhotoId::new))?
                .collect()
        })
        .await
    }
}

type Part = rusqlite::Result<Vec<Happening>>;

/// Runs a query for a slot whose first columns are time, run and mode.
fn read(
    connection: &Connection,
    (columns, table): (&str, &str),
    slot: i64,
    what: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<What>,
) -> Part {
    connection
        .prepare_cached(&format!(
            "SELECT {columns}, runs.mode FROM {table} LEFT JOIN runs ON runs.number = it.run
             WHERE it.slot = ?1 ORDER BY it.id"
        ))?
        .query_map([slot], |row| {
            Ok(Happening {
                at: Moment(row.get(0)?),
                run: row.get::<_, Option<i64>>(1)?.map(RunNumber),
                mode: row.get("mode")?,
                what: what(row)?,
            })
        })?
        .collect()
}

fn seen(connection: &Connection, slot: i64) -> Part {
    let columns = "it.at, it.run, coalesce(it.alt, ''), it.tag, it.owner";
    read(connection, (columns, "sightings AS it"), slot, |row| {
        Ok(What::Seen {
            alt: row.get(2)?,
            tag: row.get(3)?,
            owner: row.get(4)?,
        })
    })
}

fn asked(connection: &Connection, slot: i64) -> Part {
    let columns = "it.sent_at, it.run, it.model, it.model_answered, it.state, it.input_tokens,
        it.output_tokens, it.cost, it.error";
    read(connection, (columns, "calls AS it"), slot, |row| {
        let tokens = (row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(6)?);
        Ok(What::Asked {
            model: row.get(2)?,
            answered: row.get(3)?,
            state: row.get(4)?,
            tokens: match tokens {
                (Some(input), Some(output)) => {
                    Some((input.cast_unsigned(), output.cast_unsigned()))
                }
                _ => None,
            },
            cost_usd: row.get(7)?,
            error: row.get(8)?,
        })
    })
}

fn drafted(connection: &Connection, slot: i64) -> Part {
    // A text that came with an import belongs to no run, whatever run made the
    // draft that it stands for.
    let columns = "it.made_at, CASE WHEN it.key = 'import' THEN NULL ELSE it.run END, it.id,
        it.model, it.text, it.verdict, it.reasons, it.score";
    let mut all = read(connection, (columns, "drafts AS it"), slot, |row| {
        Ok(What::Drafted {
            draft: row.get(2)?,
            model: row.get(3)?,
            text: row.get(4)?,
            verdict: row.get(5)?,
            reasons: row.get(6)?,
            score: row.get(7)?,
        })
    })?;
    for happening in all.iter_mut().filter(|happening| happening.run.is_none()) {
        happening.mode = None;
    }
    Ok(all)
}

fn decided(connection: &Connection, slot: i64) -> Part {
    let columns = "it.decided_at, NULL, it.id, it.decision, it.decided_by";
    let decided =
        "(SELECT * FROM drafts WHERE decision IS NOT NULL AND decided_at IS NOT NULL) AS it";
    let mut all = read(connection, (columns, decided), slot, |row| {
        Ok(What::Decided {
            draft: row.get(2)?,
            decision: row.get(3)?,
            by: row.get(4)?,
        })
    })?;
    for happening in &mut all {
        happening.mode = None;
    }
    Ok(all)
}

fn wrote(connection: &Connection, slot: i64) -> Part {
    let columns = "it.intended_at, it.run, it.alt_before, it.alt_sent, it.alt_kept, it.tag_sent,
        it.state, it.model, it.error,
        (SELECT undone.run FROM writes AS undone WHERE undone.id = it.undoes)";
    read(connection, (columns, "writes AS it"), slot, |row| {
        Ok(What::Wrote {
            before: row.get(2)?,
            sent: row.get(3)?,
            kept: row.get(4)?,
            tag: row.get(5)?,
            state: row.get(6)?,
            model: row.get(7)?,
            error: row.get(8)?,
            takes_back: row.get::<_, Option<i64>>(9)?.map(RunNumber),
        })
    })
}

fn failed(connection: &Connection, slot: i64) -> Part {
    let columns = "it.at, it.run, it.error, it.tries, it.parked";
    read(connection, (columns, "failures AS it"), slot, |row| {
        Ok(What::Failed {
            error: row.get(2)?,
            tries: row.get(3)?,
            parked: row.get(4)?,
        })
    })
}
