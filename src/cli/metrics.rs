//! The file that metrics are written to, for the textfile collector of the node
//! exporter: whoever reads it sees the old file or the new one, whole.

use super::exit::Usage;
use super::replaced::Replaced;
use crate::checkpoint::LastGood;
use crate::report::metrics;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the metrics go.
#[derive(Debug)]
pub(super) struct MetricsFile {
    file: Replaced,
    failed: AtomicBool,
}

impl MetricsFile {
    /// Checks that the file can be written, before anything is spent.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        // The collector runs as another user, and reads only what ends in `.prom`.
        let file = Replaced::for_others(path, ".altfill-metrics-");
        file.refuse_odd("the metrics file")?;
        file.rehearse().map_err(|error| {
            let message = format!(
                "the metrics can't be written to {}: {error}",
                path.display()
            );
            let hint = "its directory has to exist and to be writable: a new file replaces the old \
                        one";
            Usage::new(message, hint)
        })?;
        Ok(Self {
            file,
            failed: AtomicBool::new(false),
        })
    }

    /// What was written before and is still of use.
    pub(super) fn earlier(&self) -> (Option<String>, LastGood) {
        let text = std::fs::read_to_string(self.file.path()).unwrap_or_default();
        metrics::earlier(&text)
    }

    /// Replaces the file. A failure is returned once, in words; it fails nothing
    /// else.
    pub(super) fn write(&self, page: &str) -> Option<String> {
        let error = self.file.write(page.as_bytes()).err()?;
        let first = !self.failed.swap(true, Ordering::Relaxed);
        first.then(|| {
            format!(
                "the metrics can't be written to {}: {error}; the run goes on",
                self.file.path().display()
            )
        })
    }
}
