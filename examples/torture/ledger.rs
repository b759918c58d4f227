//! What the program's own state file says, compared with what really happened.
//! It is read only when no process has it open any more.

use super::history::{Author, Errand};
use super::models::mark;
use super::power::Acknowledged;
use super::world::World;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// What happened in an execution that matters for the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with its books closed.
    Well,
    /// Otherwise.
    Otherwise,
}

/// The state file, open for reading.
pub(crate) struct Ledger(Connection);

type Rows<T> = rusqlite::Result<Vec<T>>;

impl Ledger {
    /// Opens the file; `None` where there is none, or nothing in it yet.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let flags = [
            OpenFlags::SQLITE_OPEN_READ_ONLY,
            // What a kill left half done has to be rolled back first.
            OpenFlags::SQLITE_OPEN_READ_WRITE,
        ];
        let opened = Self::open_with(path, flags[0]);
        opened.or_else(|_| Self::open_with(path, flags[1]))
    }

    fn open_with(path: &Path, flags: OpenFlags) -> rusqlite::Result<Option<Self>> {
        let connection = Connection::open_with_flags(path, flags)?;
        let tables: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'slots'",
            [],
            |row| row.get(0),
        )?;
        Ok((tables > 0).then_some(Self(connection)))
    }

    fn texts(&self, query: &str) -> Rows<(String, String)> {
        self.0
            .prepare(query)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// The numbers of the runs in the file.
    pub(crate) fn runs(&self) -> Rows<i64> {
        self.0
            .prepare("SELECT number FROM runs ORDER BY number")?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// The runs that have writes which can be taken back.
    pub(crate) fn undoable(&self) -> Rows<i64> {
        self.0
            .prepare(
                "SELECT DISTINCT run FROM writes WHERE state = 'confirmed' AND undoes IS NULL",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// Photos with a confirmed text.
    pub(crate) fn confirmed(&self) -> Rows<String> {
        self.0
            .prepare(
                "SELECT photos.photo FROM writes
                 JOIN slots ON slots.id = writes.slot JOIN photos ON photos.id = slots.photo
                 WHERE writes.state = 'confirmed'",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// Whether all that was acknowledged is there.
    pub(crate) fn holds(&self, known: &Acknowledged) -> rusqlite::Result<Result<(), String>> {
        let calls: i64 = self
            .0
            .query_row("SELECT count(*) FROM calls", [], |row| row.get(0))?;
        if usize::try_from(calls).unwrap_or(0) < known.calls {
            let sent = known.calls;
            return Ok(Err(format!(
                "{sent} calls were sent, and {calls} are on record"
            )));
        }
        let mut whole = self.0.prepare(
            "SELECT 1 FROM writes JOIN slots ON slots.id = writes.slot
             JOIN photos ON photos.id = slots.photo JOIN drafts ON drafts.id = writes.draft
             JOIN calls ON calls.id = drafts.call
             WHERE photos.photo = ?1 AND writes.alt_sent = ?2 AND drafts.text = ?2
             AND instr(calls.reply, ?2) > 0",
        )?;
        for (photo, alt) in &known.sent {
            if !whole.exists([photo, alt])? {
                let what = "was sent, and its reply, draft or intent is lost";
                return Ok(Err(format!("{alt:?} of {photo} {what}")));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the file is sound in itself.
    pub(crate) fn is_sound(&self) -> rusqlite::Result<Result<(), String>> {
        let verdict: String = self
            .0
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let orphans = self.0.prepare("PRAGMA foreign_key_check")?.exists([])?;
        Ok(match (verdict.as_str(), orphans) {
            ("ok", false) => Ok(()),
            ("ok", true) => Err("a row refers to one that is not there".to_owned()),
            (other, _) => Err(other.to_owned()),
        })
    }

    /// Looks for damage.
    pub(crate) fn sound(&self, world: &mut World) -> rusqlite::Result<()> {
        if let Err(why) = self.is_sound()? {
            let what = format!("after run {} the state file is damaged: {why}", world.run);
            world.history.breaks("the state file is sound", what);
        }
        Ok(())
    }

    /// Compares the file with the world. `ended` is how the last execution did.
    pub(crate) fn compare(&self, world: &mut World, ended: Ended) -> rusqlite::Result<()> {
        self.calls(world)?;
        self.replies(world, ended)?;
        self.writes(world)
    }

    /// A call is recorded before it is sent.
    fn calls(&self, world: &mut World) -> rusqlite::Result<()> {
        let recorded: i64 = self
            .0
            .query_row("SELECT count(*) FROM calls", [], |row| row.get(0))?;
        let arrived = world.calls.len() - world.forgotten;
        if usize::try_from(recorded).unwrap_or(0) < arrived {
            let what = format!(
                "after run {}: {arrived} calls reached a model and {recorded} are on record",
                world.run
            );
            world
                .history
                .breaks("2, a call is recorded before it is sent", what);
        }
        Ok(())
    }

    /// A reply is recorded before it is judged, and what is recorded is paid.
    fn replies(&self, world: &mut World, ended: Ended) -> rusqlite::Result<()> {
        let (mut stored, mut useless) = (String::new(), String::new());
        for (state, reply) in
            self.texts("SELECT state, reply FROM calls WHERE reply IS NOT NULL")?
        {
            let kept = if state == "answered" {
                &mut stored
            } else {
                &mut useless
            };
            kept.push_str(&reply);
        }
        // On a busy machine a reply may come after the client's patience. A call
        // about the built-in test image is about no photo.
        let lost: HashSet<String> = self
            .texts(
                "SELECT coalesce(photos.photo, ''), calls.error FROM calls
                 LEFT JOIN slots ON slots.id = calls.slot
                 LEFT JOIN photos ON photos.id = slots.photo WHERE calls.state = 'lost'",
            )?
            .into_iter()
            .map(|(photo, _)| photo)
            .collect();
        let run = world.run;
        for (index, call) in world.calls.iter().enumerate() {
            if call.said.is_none() {
                continue;
            }
            if stored.contains(&mark(index as u64 + 1)) {
                world.paid.entry(call.key.clone()).or_insert(call.run);
                continue;
            }
            // What left at once and was awaited by a program that ended well
            // must have arrived.
            let known = useless.contains(&mark(index as u64 + 1));
            let given_up = lost.contains(call.photo.as_deref().unwrap_or_default());
            let left_at_once = call.run == run && call.delay < 300;
            if ended == Ended::Well && left_at_once && !known && !given_up {
                let what = format!(
                    "run {run} ended well, and a reply for {:?} is lost",
                    call.photo
                );
                world.history.breaks("2, no reply is thrown away", what);
                break;
            }
        }
        Ok(())
    }

    /// Every text that reached the site is in the journal and among the drafts,
    /// and every confirmed one stood on the site.
    fn writes(&self, world: &mut World) -> rusqlite::Result<()> {
        let journal = self.texts(
            "SELECT photos.photo, writes.alt_sent FROM writes
             JOIN slots ON slots.id = writes.slot JOIN photos ON photos.id = slots.photo",
        )?;
        let journal: HashSet<(String, String)> = journal.into_iter().collect();
        let drafts = self.texts(
            "SELECT photos.photo, drafts.text FROM drafts
             JOIN slots ON slots.id = drafts.slot JOIN photos ON photos.id = slots.photo",
        )?;
        let drafts: HashSet<(String, String)> = drafts.into_iter().collect();
        let mut found = Vec::new();
        for sent in &world.sent {
            let pair = (sent.photo.clone(), sent.alt.clone());
            if !journal.contains(&pair) {
                let what = format!("{pair:?} was sent and is not in the journal");
                found.push(("3, a write is journalled before it is sent", what));
            }
            let undo = matches!(sent.errand, Errand::Undo(_));
            if !undo && !drafts.contains(&pair) {
                let what = format!("{pair:?} was sent and is no draft");
                found.push(("2, a draft is durable before it is written", what));
            }
        }
        let confirmed = self.texts(
            "SELECT photos.photo, writes.alt_kept FROM writes
             JOIN slots ON slots.id = writes.slot JOIN photos ON photos.id = slots.photo
             WHERE writes.state = 'confirmed'",
        )?;
        for (id, text) in confirmed {
            let photo = world.history.photos.get(&id);
            if photo.is_some_and(|photo| !photo.ever_had(&text)) {
                let what = format!("{text:?} is confirmed for {id} and never stood there");
                found.push(("3, the journal tells the truth", what));
            }
        }
        for (promise, what) in found {
            world.history.breaks(promise, what);
        }
        Ok(())
    }

    /// When nothing goes wrong any more: every photo has a text or a reason, and
    /// the file says what the site says.
    pub(crate) fn at_rest(&self, world: &mut World) -> rusqlite::Result<()> {
        let mut found = Vec::new();
        let states = self.states()?;
        for (id, photo) in &world.history.photos {
            let Some(state) = states.get(id) else {
                found.push(("nothing is left out", format!("{id} is not on record")));
                continue;
            };
            let stand = &photo.stand;
            if state.alt != stand.alt {
                let what = format!(
                    "{id} has {:?} and the record says {:?}",
                    stand.alt, state.alt
                );
                found.push(("the record agrees with the site", what));
            }
            let excused = photo.landed_late;
            let expected: &[&str] = match (stand.alt.trim().is_empty(), stand.author) {
                (true, _) => &["nobody"],
                (false, Author::Nobody) if stand.verified != Some(1) => &["nobody"],
                // Under the machine's mark it may be one of ours that was lost.
                (false, Author::Person) if stand.verified == Some(0) => &["person", "unproven"],
                (false, Author::Client) if stand.verified != Some(1) => &["ours"],
                _ => &["person"],
            };
            if !expected.contains(&state.owner.as_str()) && !excused {
                let what = format!(
                    "{id} has {:?} by {:?}, verified {:?}, and the record says it is of {:?}",
                    stand.alt, stand.author, stand.verified, state.owner
                );
                found.push(("the record knows whose a text is", what));
            }
            let made_from = world.made_from(&stand.alt);
            let outdated = made_from.is_some_and(|pixels| pixels != photo.pixels);
            if outdated && !stand.is_a_persons() && state.reason.is_empty() && !excused {
                let what = format!("the image of {id} is another than that of its text");
                found.push(("a replaced image gets a new text", what));
            }
            if stand.alt.trim().is_empty() && state.reason.is_empty() {
                let what = format!("{id} has no text, and there is no reason why");
                found.push(("every photo has a text or a reason", what));
            }
        }
        for (promise, what) in found {
            world.history.breaks(promise, what);
        }
        Ok(())
    }

    fn states(&self) -> rusqlite::Result<BTreeMap<String, State>> {
        let query = "SELECT photos.photo, coalesce(photos.alt, ''), coalesce(photos.owner, ''),
                CASE WHEN cleared THEN 'cleared' WHEN decorative THEN 'decorative'
                     WHEN held_draft IS NOT NULL THEN 'held' WHEN parked THEN 'parked'
                     WHEN EXISTS (SELECT 1 FROM writes WHERE writes.slot = slots.id
                                  AND writes.state = 'undone') THEN 'undone' ELSE '' END
             FROM slots JOIN photos ON photos.id = slots.photo";
        self.0
            .prepare(query)?
            .query_map([], |row| {
                let state = State {
                    alt: row.get(1)?,
                    owner: row.get(2)?,
                    reason: row.get(3)?,
                };
                Ok((row.get(0)?, state))
            })?
            .collect()
    }
}

struct State {
    alt: String,
    owner: String,
    reason: String,
}
