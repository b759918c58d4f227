//! The tables, and the numbered migrations that lead to them.
//!
//! The schema is documented for people who query it: times are milliseconds
//! since 1970 UTC, costs are US dollars, owners, tags and states are words.

use rusqlite::Connection;

/// "ALTF" in the file's header, so that no other program's database is mistaken
/// for ours.
pub(super) const APPLICATION_ID: i64 = 0x414C_5446;

/// Each entry leads from the format of its index to the next one. Never edited
/// once released; a change is a new entry.
const MIGRATIONS: &[&str] = &[FIRST, REMEMBERED, LISTINGS, DECIDED];

/// The newest format that this program knows.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

const FIRST: &str = "
CREATE TABLE sites (
    name TEXT PRIMARY KEY
) STRICT;

-- One row per photo: what the last look at the site showed.
CREATE TABLE photos (
    id            INTEGER PRIMARY KEY,
    site          TEXT NOT NULL REFERENCES sites,
    photo         TEXT NOT NULL,
    alt           TEXT,
    tag           TEXT,
    owner         TEXT,
    title         TEXT,
    caption       TEXT,
    album         TEXT,
    pixel_version TEXT,
    looked_at     INTEGER,
    seen_run      INTEGER,
    UNIQUE (site, photo)
) STRICT;

-- One text of one photo in one language: the unit of work.
CREATE TABLE slots (
    id         INTEGER PRIMARY KEY,
    photo      INTEGER NOT NULL REFERENCES photos,
    kind       TEXT NOT NULL,
    language   TEXT NOT NULL,
    write      INTEGER REFERENCES writes,   -- our text in force
    person     INTEGER NOT NULL DEFAULT 0,  -- a person took a text of ours over
    cleared    INTEGER NOT NULL DEFAULT 0,  -- a person removed the text
    decorative INTEGER NOT NULL DEFAULT 0,
    held_draft INTEGER REFERENCES drafts,
    held_basis TEXT,
    tries      INTEGER NOT NULL DEFAULT 0,
    due        INTEGER,
    parked     INTEGER NOT NULL DEFAULT 0,
    parked_pixels TEXT,
    last_error TEXT,
    UNIQUE (photo, kind, language)
) STRICT;

CREATE TABLE runs (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    mode     TEXT NOT NULL,
    settings TEXT NOT NULL,
    started  INTEGER NOT NULL,
    finished INTEGER,
    ended    TEXT,                          -- NULL: running, or killed
    summary  TEXT                           -- JSON
) STRICT;

-- Recorded before sending; the reply before it is judged.
CREATE TABLE calls (
    id             INTEGER PRIMARY KEY,
    slot           INTEGER REFERENCES slots,
    purpose        TEXT NOT NULL,
    key            TEXT,
    run            INTEGER NOT NULL REFERENCES runs,
    model          TEXT NOT NULL,
    model_answered TEXT,
    state          TEXT NOT NULL,           -- sent, answered, failed, lost
    sent_at        INTEGER NOT NULL,
    answered_at    INTEGER,
    reply          TEXT,                    -- JSON: status, headers, body
    error          TEXT,
    input_tokens   INTEGER,
    output_tokens  INTEGER,
    cost           REAL,
    estimate       REAL
) STRICT;
CREATE INDEX calls_by_key ON calls (slot, key);
CREATE INDEX calls_open ON calls (state) WHERE state = 'sent';
CREATE INDEX calls_by_run ON calls (run);

CREATE TABLE drafts (
    id       INTEGER PRIMARY KEY,
    slot     INTEGER NOT NULL REFERENCES slots,
    call     INTEGER REFERENCES calls,
    run      INTEGER NOT NULL REFERENCES runs,
    key      TEXT NOT NULL,
    recipe   TEXT,
    model    TEXT,
    pixels   TEXT,
    text     TEXT NOT NULL,
    verdict  TEXT NOT NULL,                 -- write, hold, reject
    reasons  TEXT NOT NULL,                 -- words, joined by commas
    score    REAL,
    made_at  INTEGER NOT NULL,
    decision TEXT,                          -- accepted, rejected
    decided_by TEXT
) STRICT;
CREATE INDEX drafts_by_slot ON drafts (slot, key);

-- The journal: every change of the site, before and after.
CREATE TABLE writes (
    id         INTEGER PRIMARY KEY,
    slot       INTEGER NOT NULL REFERENCES slots,
    draft      INTEGER REFERENCES drafts,
    run        INTEGER NOT NULL REFERENCES runs,
    alt_before TEXT NOT NULL,
    tag_before TEXT,
    alt_sent   TEXT NOT NULL,
    tag_sent   TEXT,
    alt_kept   TEXT,                        -- as the site shows it
    recipe     TEXT,
    model      TEXT,
    pixels     TEXT,
    state      TEXT NOT NULL,               -- intent, confirmed, void, undone, lost
    error      TEXT,
    intended_at INTEGER NOT NULL,
    settled_at INTEGER,
    undoes     INTEGER REFERENCES writes,
    -- the slot as it was before, so that an undo restores it whole
    before_write      INTEGER REFERENCES writes,
    before_person     INTEGER NOT NULL DEFAULT 0,
    before_cleared    INTEGER NOT NULL DEFAULT 0,
    before_decorative INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX writes_by_slot ON writes (slot, state);
CREATE INDEX writes_by_run ON writes (run);
CREATE INDEX writes_open ON writes (state) WHERE state = 'intent';
";

/// What a photo's history needs beside calls, drafts and writes: the texts that
/// were seen, and the failures.
const REMEMBERED: &str = "
-- What the site showed, each time it was something new.
CREATE TABLE sightings (
    id    INTEGER PRIMARY KEY,
    slot  INTEGER NOT NULL REFERENCES slots,
    run   INTEGER REFERENCES runs,
    at    INTEGER NOT NULL,
    alt   TEXT,
    tag   TEXT,
    owner TEXT NOT NULL
) STRICT;
CREATE INDEX sightings_by_slot ON sightings (slot);
CREATE INDEX sightings_by_run ON sightings (run);
INSERT INTO sightings (slot, run, at, alt, tag, owner)
    SELECT slots.id, photos.seen_run, photos.looked_at, photos.alt, photos.tag, photos.owner
    FROM photos JOIN slots ON slots.photo = photos.id
    WHERE photos.looked_at IS NOT NULL AND photos.owner IS NOT NULL;

-- Failures of one photo. What is known of it now stands in `slots`.
CREATE TABLE failures (
    id     INTEGER PRIMARY KEY,
    slot   INTEGER NOT NULL REFERENCES slots,
    run    INTEGER REFERENCES runs,
    at     INTEGER NOT NULL,
    error  TEXT NOT NULL,
    tries  INTEGER NOT NULL,
    parked INTEGER NOT NULL
) STRICT;
CREATE INDEX failures_by_slot ON failures (slot);
CREATE INDEX failures_by_run ON failures (run);

CREATE INDEX drafts_by_run ON drafts (run);
";

/// Sites that list their own photos: where the last listing can be taken up, and
/// what it left to do.
const LISTINGS: &str = "
ALTER TABLE sites ADD COLUMN listing_mark TEXT;      -- the site's time
ALTER TABLE sites ADD COLUMN listing_key  TEXT;      -- of the settings it was made with
ALTER TABLE sites ADD COLUMN swept_at     INTEGER;   -- when all was listed
ALTER TABLE photos ADD COLUMN pending INTEGER NOT NULL DEFAULT 0; -- listed, not yet looked at
ALTER TABLE photos ADD COLUMN gone    INTEGER NOT NULL DEFAULT 0; -- the site has it no more
CREATE INDEX photos_by_owner ON photos (site, owner, photo);
";

/// When a person decided about a draft: a write that came later has settled it.
const DECIDED: &str = "
ALTER TABLE drafts ADD COLUMN decided_at INTEGER;
";

/// Brings a database to the newest format; each step is one transaction.
pub(super) fn migrate(connection: &Connection, found: i64) -> rusqlite::Result<()> {
    for (index, step) in MIGRATIONS
        .iter()
        .enumerate()
        .skip(usize::try_from(found).unwrap_or(0))
    {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;{step}
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {};
             COMMIT;",
            index + 1
        ))?;
    }
    Ok(())
}
