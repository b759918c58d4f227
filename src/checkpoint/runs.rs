//! Runs: when they began, how they ended.

use super::{Checkpoint, CheckpointError};
use crate::archive::{Ended, Mode, Moment, RunId, RunNumber};
use rusqlite::{OptionalExtension, params};

/// One run as the checkpoint keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its short number.
    pub number: RunNumber,
    /// Its unique id.
    pub id: RunId,
    /// What it was for, as [`Mode::as_str`] names it.
    pub mode: String,
    /// When it began.
    pub started: Moment,
    /// When it ended; `None` while it runs.
    pub finished: Option<Moment>,
    /// How it ended, as [`Ended::as_str`] names it; `killed` where it never said.
    pub ended: Option<String>,
    /// Its summary, as JSON.
    pub summary: Option<String>,
}

/// When nightly runs ended well for the last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastGood {
    /// The last one that got through everything, failed photos or not.
    pub complete: Option<Moment>,
    /// The last one that ended so, or early on purpose (budget, deadline, quota,
    /// outage).
    pub success: Option<Moment>,
}

impl Checkpoint {
    /// Closes what a killed run left open: its row, and its calls without a
    /// reply, which may have been paid for and are booked at their estimate.
    /// Returns how many runs and calls there were. Needs the lock: nobody else
    /// may be running.
    pub async fn close_killed_runs(&self, now: Moment) -> Result<(usize, usize), CheckpointError> {
        self.verb(move |connection| {
            let runs = connection.execute(
                "UPDATE runs SET ended = 'killed', finished = ?1 WHERE ended IS NULL",
                [now.0],
            )?;
            let calls = connection.execute(
                "UPDATE calls SET state = 'lost', cost = estimate, error = 'the run was killed'
                 WHERE state = 'sent'",
                [],
            )?;
            Ok((runs, calls))
        })
        .await
    }

    /// Opens a run.
    pub async fn begin_run(
        &self,
        id: RunId,
        mode: Mode,
        settings: String,
        now: Moment,
    ) -> Result<RunNumber, CheckpointError> {
        self.verb(move |connection| {
            connection.execute(
                "INSERT INTO runs (id, mode, settings, started) VALUES (?1, ?2, ?3, ?4)",
                params![id.as_str(), mode.as_str(), settings, now.0],
            )?;
            Ok(RunNumber(connection.last_insert_rowid()))
        })
        .await
    }

    /// Closes a run with its summary (JSON).
    pub async fn end_run(
        &self,
        run: RunNumber,
        ended: Ended,
        summary: String,
        now: Moment,
    ) -> Result<(), CheckpointError> {
        self.verb(move |connection| {
            connection
                .execute(
                    "UPDATE runs SET ended = ?2, summary = ?3, finished = ?4 WHERE number = ?1",
                    params![run.0, ended.as_str(), summary, now.0],
                )
                .map(drop)
        })
        .await
    }

    /// One run.
    pub async fn run(&self, number: RunNumber) -> Result<Option<RunRow>, CheckpointError> {
        self.verb(move |connection| {
            connection
                .query_row(
                    "SELECT number, id, mode, started, finished, ended, summary FROM runs
                     WHERE number = ?1",
                    [number.0],
                    run_row,
                )
                .optional()
        })
        .await
    }

    /// When nightly runs (backfill and upgrade) ended well for the last time.
    pub async fn last_good_runs(&self) -> Result<LastGood, CheckpointError> {
        self.verb(move |connection| {
            connection.query_row(
                "SELECT max(finished) FILTER (WHERE ended = 'complete'), max(finished)
                 FROM runs WHERE mode IN ('backfill', 'upgrade')
                 AND ended IN ('complete', 'budget', 'deadline', 'quota', 'outage')",
                [],
                |row| {
                    Ok(LastGood {
                        complete: row.get::<_, Option<i64>>(0)?.map(Moment),
                        success: row.get::<_, Option<i64>>(1)?.map(Moment),
                    })
                },
            )
        })
        .await
    }

    /// The newest runs, newest first.
    pub async fn last_runs(&self, limit: usize) -> Result<Vec<RunRow>, CheckpointError> {
        self.verb(move |connection| {
            connection
                .prepare(
                    "SELECT number, id, mode, started, finished, ended, summary FROM runs
                     ORDER BY number DESC LIMIT ?1",
                )?
                .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], run_row)?
                .collect()
        })
        .await
    }
}

fn run_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        number: RunNumber(row.get(0)?),
        id: RunId::new(row.get::<_, String>(1)?),
        mode: row.get(2)?,
        started: Moment(row.get(3)?),
        finished: row.get::<_, Option<i64>>(4)?.map(Moment),
        ended: row.get(5)?,
        summary: row.get(6)?,
    })
}
