//! The site, as far as it can be tried without writing: its description on a
//! real photo, the token, the photo's picture as a model would get it, the clock.

use crate::archive::Pixels;
use crate::cli::args::Global;
use crate::cli::output::{Output, with_causes};
use crate::cli::setup::{Setup, photo_ids};
use crate::config::{Manifest, PhotoLimits, Preset, Settings, SiteSettings};
use crate::photo;
use crate::report::check::{Line, Part, Sign, size};
use crate::site::{Explained, Finding, Finds};
use std::io::IsTerminal;
use std::time::Duration;

/// How long a site may fail before a check says so. A run is more patient.
const PATIENCE: Duration = Duration::from_secs(5);

/// Milliseconds by which two clocks may differ.
const CLOCKS: i64 = 60_000;

/// The parts about the site, its pictures and the clock.
pub(in crate::cli) async fn look(
    mut settings: Settings,
    id: Option<String>,
    global: &Global,
    output: &Output,
) -> anyhow::Result<Vec<Part>> {
    let id = photo_ids(&settings, id)?.pop();
    let waits = settings.site.manifest == Some(Manifest::Stdin) && std::io::stdin().is_terminal();
    if waits && id.is_none() {
        let text = "the list of photos comes on standard input, and nothing is there";
        let advice = "name a photo: altfill check ID; or: altfill check < photos.txt";
        let line = Line::new("site.manifest", Sign::Warning, text).advice(advice);
        return Ok(vec![Part {
            name: SITE,
            lines: vec![line],
        }]);
    }
    let patience = &mut settings.run.outage_patience;
    *patience = PATIENCE.min(*patience);
    let edges = settings.used_models().map(|entry| entry.image.long_edge);
    let edge = edges.max().unwrap_or(settings.site.image_edge);
    let (limits, preset) = (settings.photo, settings.site.preset);
    let setup = match Setup::connect(settings, global, None, output).await {
        Ok(setup) => setup,
        Err(error) => {
            let line = Line::new("site", Sign::Problem, with_causes(&error));
            let line = line.advice("docs/sites tells what describes a site");
            return Ok(vec![Part {
                name: SITE,
                lines: vec![line],
            }]);
        }
    };
    let explained = setup.site.explain(id).await;
    let mut parts = vec![Part {
        name: SITE,
        lines: lines(&explained, &setup.settings.site),
    }];
    if let Some(image) = explained.image {
        parts.push(Part {
            name: "Pictures",
            lines: vec![picture(image, edge, limits).await],
        });
    }
    if let Some(ahead) = explained.ahead.filter(|_| preset != Preset::Embedded) {
        parts.push(Part {
            name: "Clock",
            lines: vec![clock(ahead)],
        });
    }
    Ok(parts)
}

const SITE: &str = "Site";

/// What the site was found to be, with what to do about it.
pub(in crate::cli) fn lines(explained: &Explained, site: &SiteSettings) -> Vec<Line> {
    let line = |finding: &Finding| {
        let sign = match finding.verdict {
            Finds::Works => Sign::Ok,
            Finds::Nothing => Sign::Nothing,
            Finds::Doubtful => Sign::Warning,
            Finds::Fails => Sign::Problem,
        };
        let line = Line::new(finding.key.as_str(), sign, finding.text.as_str());
        match advice(finding, site) {
            Some(advice) => line.advice(advice),
            None => line,
        }
    };
    explained.findings.iter().map(line).collect()
}

fn advice(finding: &Finding, site: &SiteSettings) -> Option<String> {
    let key = finding.key.strip_prefix("site.").unwrap_or(&finding.key);
    let from = site.token_from.as_deref();
    match (finding.verdict, key) {
        (Finds::Works | Finds::Nothing, _) => None,
        (_, "may_write") => Some(match from {
            Some(from) => format!("check {from}: its account needs the right to change images"),
            None => "name the variable that holds the token in site.token_env".to_owned(),
        }),
        (_, "probe") => Some(match from {
            Some(from) => format!("check {from}, and site.user where the site wants one"),
            None => "name the variable that holds the token in site.token_env".to_owned(),
        }),
        (_, key) => Some(site.placed(key, &format!("see site.{key} in docs/CONFIGURATION.md"))),
    }
}

/// Makes the picture as a model would get it.
async fn picture(image: Pixels, edge: u32, limits: PhotoLimits) -> Line {
    let bytes = image.bytes.len() as u64;
    let work = tokio::task::spawn_blocking(move || photo::prepare(&image.bytes, edge, limits));
    match work.await {
        Ok(Ok(jpeg)) => {
            let text = format!(
                "a model gets it with {}x{} pixels, {}; the file has {}",
                jpeg.width,
                jpeg.height,
                size(jpeg.bytes.len() as u64),
                size(bytes)
            );
            Line::new("picture", Sign::Ok, text)
        }
        Ok(Err(error)) => Line::new("picture", Sign::Problem, error.to_string())
            .advice("such a photo is parked; check another one: altfill check ID"),
        Err(error) => Line::new("picture", Sign::Problem, error.to_string()),
    }
}

/// Whether the site's clock and ours agree.
fn clock(ahead: i64) -> Line {
    let seconds = (ahead.unsigned_abs() + 500) / 1000;
    if ahead.abs() <= CLOCKS {
        let text = if seconds <= 2 {
            "the site's clock and this one agree".to_owned()
        } else {
            format!("the site's clock and this one differ by {seconds} s")
        };
        return Line::new("clock", Sign::Ok, text);
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!("the site's clock is {seconds} s {way} this one");
    Line::new("clock", Sign::Warning, text)
        .advice("set this machine's clock, or tell the site's owner; waits and due times go by it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute() {
        for (ahead, sign, says) in [
            (900, Sign::Ok, "agree"),
            (-30_000, Sign::Ok, "by 30 s"),
            (61_000, Sign::Warning, "61 s ahead of"),
            (-3_600_000, Sign::Warning, "3600 s behind"),
        ] {
            let line = clock(ahead);
            assert_eq!(line.sign, sign, "{ahead}");
            assert!(line.text.contains(says), "{}", line.text);
        }
    }
}
