//! `altfill check`: does the site work as it is described, and what does each
//! line of its description find on a real photo?

use super::args::{self, Global};
use super::exit::Exit;
use super::output::Output;
use super::setup::Setup;
use crate::archive::PhotoId;
use crate::site::{Finding, Finds};

pub(super) async fn check(
    global: &Global,
    args: args::Check,
    output: &Output,
) -> anyhow::Result<Exit> {
    if args.notify {
        return super::notify::check(global, output).await;
    }
    let setup = Setup::new(global, None, output).await?;
    let findings = setup.site.explain(args.id.map(PhotoId::new)).await;
    let width = findings.iter().map(|finding| finding.key.len()).max();
    for finding in &findings {
        output.data(&line(finding, width.unwrap_or_default()))?;
    }
    let fails = |finding: &&Finding| finding.verdict == Finds::Fails;
    let failed = findings.iter().filter(fails).count();
    if failed > 0 {
        output.say(&format!(
            "{failed} of {} things do not work; docs/sites tells how a site is described",
            findings.len()
        ));
        return Ok(Exit::Stopped);
    }
    output.say("nothing was written; `altfill run --dry-run` shows what would be done");
    Ok(Exit::Done)
}

fn line(finding: &Finding, width: usize) -> String {
    let sign = match finding.verdict {
        Finds::Works => "ok  ",
        Finds::Nothing => "--  ",
        Finds::Fails => "FAIL",
    };
    format!("{sign} {:width$}  {}", finding.key, finding.text)
}
