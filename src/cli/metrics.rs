//! The file that metrics are written to, for the textfile collector of the node
//! exporter: whoever reads it sees the old file or the new one, whole.

use super::exit::Usage;
use crate::checkpoint::LastGood;
use crate::report::metrics;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The collector runs as another user.
const MODE: u32 = 0o644;

/// Where the metrics go.
#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
    failed: AtomicBool,
}

impl MetricsFile {
    /// Checks that the file can be written, before anything is spent.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        if path.is_dir() {
            let message = format!("the metrics file {shown} is a directory");
            return Err(Usage::new(message, "name a file in it, such as altfill.prom").into());
        }
        let file = Self {
            path: path.to_owned(),
            failed: AtomicBool::new(false),
        };
        // It vanishes again.
        file.beside().map_err(|error| {
            let message = format!("the metrics can't be written to {shown}: {error}");
            let hint = "its directory has to exist and to be writable: a new file replaces the old \
                        one";
            Usage::new(message, hint)
        })?;
        Ok(file)
    }

    /// What was written before and is still of use.
    pub(super) fn earlier(&self) -> (Option<String>, LastGood) {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        metrics::earlier(&text)
    }

    /// Replaces the file. A failure is returned once, in words; it fails nothing
    /// else.
    pub(super) fn write(&self, page: &str) -> Option<String> {
        let written = self.beside().and_then(|mut file| {
            file.write_all(page.as_bytes())?;
            file.persist(&self.path).map_err(|error| error.error)?;
            Ok(())
        });
        let error = written.err()?;
        let first = !self.failed.swap(true, Ordering::Relaxed);
        first.then(|| {
            format!(
                "the metrics can't be written to {}: {error}; the run goes on",
                self.path.display()
            )
        })
    }

    /// A file in the same directory that vanishes unless it is kept. The
    /// collector reads only what ends in `.prom`.
    fn beside(&self) -> io::Result<tempfile::NamedTempFile> {
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = tempfile::Builder::new()
            .prefix(".altfill-metrics-")
            .tempfile_in(folder)?;
        // Whatever the umask says.
        file.as_file()
            .set_permissions(PermissionsExt::from_mode(MODE))?;
        Ok(file)
    }
}
