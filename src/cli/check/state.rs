//! The state file: is it there or can it be made, is it whole, is it free?

use crate::archive::SiteName;
use crate::checkpoint::{self, Examined, Found};
use crate::cli::setup::{ODD_STATE, odd_state};
use crate::config::Places;
use crate::report::check::{Line, Part, Sign, size};
use std::path::Path;

/// A run of some thousand photos needs less; what is left is the user's.
const LITTLE: u64 = 200_000_000;

/// Below this the next commit may fail.
const TOO_LITTLE: u64 = 10_000_000;

pub(super) async fn look(places: &Places, site: Option<&SiteName>) -> Part {
    if let Some(text) = odd_state(&places.state) {
        let line = Line::new("file", Sign::Problem, text).advice(ODD_STATE);
        return Part {
            name: "State",
            lines: vec![line],
        };
    }
    let (path, site) = (places.state.clone(), site.cloned());
    // The whole file is read.
    let looked = tokio::task::spawn_blocking(move || checkpoint::examine(&path, site.as_ref()));
    let lines = match looked.await {
        Ok(examined) => lines(&places.state, &examined),
        Err(error) => vec![Line::new("file", Sign::Problem, error.to_string())],
    };
    Part {
        name: "State",
        lines,
    }
}

fn lines(path: &Path, examined: &Examined) -> Vec<Line> {
    let mut lines = vec![match &examined.file {
        None if examined.folder_writable => {
            let text = format!(
                "{} is not there yet; the first run makes it",
                path.display()
            );
            Line::new("file", Sign::Ok, text)
        }
        None => unwritable(path, examined),
        Some(Err(error)) => {
            Line::new("file", Sign::Problem, error.to_string()).advice(error.hint())
        }
        Some(Ok(found)) => whole(path, found),
    }];
    if let Some(Ok(found)) = &examined.file {
        lines.extend(rights(path, found));
        if !examined.folder_writable {
            // SQLite keeps its journal beside the file.
            lines.push(unwritable(path, examined));
        }
    }
    lines.push(if examined.held {
        let text = "another altfill is at work on it";
        Line::new("lock", Sign::Warning, text).advice("wait for its end before you start a run")
    } else {
        Line::new("lock", Sign::Ok, "no other altfill is at work on it")
    });
    lines.extend(examined.free.map(|bytes| space(&examined.folder, bytes)));
    lines
}

fn unwritable(path: &Path, examined: &Examined) -> Line {
    let folder = examined.folder.display();
    let text = format!(
        "{} can't be written: no file can be made in {folder}",
        path.display()
    );
    Line::new("folder", Sign::Problem, text)
        .advice("give yourself the right to write there, or set `state` to another path")
}

fn whole(path: &Path, found: &Found) -> Line {
    if let Some(damage) = &found.damage {
        let text = format!("{} is damaged: {damage}", path.display());
        return Line::new("file", Sign::Problem, text).advice(
            "put the last backup in its place (`altfill backup` makes them); without one, move \
             the file away, run `altfill adopt`, and look at its disk",
        );
    }
    let bytes = size(found.bytes);
    let photos = match found.photos {
        1 => "1 photo".to_owned(),
        count => format!("{count} photos"),
    };
    let text = format!("{} is whole: {photos}, {bytes}", path.display());
    let line = Line::new("file", Sign::Ok, text);
    match found.older_format {
        Some(format) if format > 0 => line.advice(format!(
            "it has format {format}; the next run brings it up to date"
        )),
        _ => line,
    }
}

fn rights(path: &Path, found: &Found) -> Option<Line> {
    let shown = path.display();
    if !found.writable {
        let line = Line::new("rights", Sign::Problem, format!("{shown} can't be written"));
        return Some(line.advice(format!("chown or chmod it: ls -l {shown}")));
    }
    found.open_to_others.then(|| {
        let text = "others may read or write it; it holds texts and models' replies";
        Line::new("rights", Sign::Warning, text).advice(format!("chmod 600 {shown}"))
    })
}

fn space(folder: &Path, bytes: u64) -> Line {
    let text = format!("{} free on the disk of {}", size(bytes), folder.display());
    let sign = match bytes {
        0..TOO_LITTLE => Sign::Problem,
        TOO_LITTLE..LITTLE => Sign::Warning,
        _ => return Line::new("space", Sign::Ok, text),
    };
    Line::new("space", sign, text).advice("make room, or set `state` to a path on another disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_runs_full_is_told_in_time() {
        for (bytes, sign) in [
            (5_000_000, Sign::Problem),
            (50_000_000, Sign::Warning),
            (50_000_000_000, Sign::Ok),
        ] {
            assert_eq!(space(Path::new("/x"), bytes).sign, sign, "{bytes}");
        }
    }
}
