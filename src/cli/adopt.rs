//! `altfill adopt`: make unproven machine texts ours.

use super::args::{self, Global};
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::{Access, Setup};
use super::vigil::{Duty, Vigil, watched};
use crate::archive::Mode;
use crate::pipeline::{self, Adoptable, Plan};
use std::time::Duration;

pub(super) async fn adopt(
    global: &Global,
    args: args::Adopt,
    output: &Output,
) -> anyhow::Result<Exit> {
    let watch = args.watch.clone();
    let duty = Duty::by_hand(args.json);
    let job = async |vigil: &Vigil| attended(global, args, vigil, output).await;
    watched(&watch, duty, output, job).await
}

async fn attended(
    global: &Global,
    args: args::Adopt,
    vigil: &Vigil,
    output: &Output,
) -> anyhow::Result<Exit> {
    let setup = Setup::watched(global, None, vigil, output).await?;
    let traits = setup.site.traits();
    let plan = Plan {
        albums: args.album,
        // What was looked at before the record was lost says nothing.
        recheck: Duration::ZERO,
        ..Plan::new(Mode::Adopt, &setup.settings)
    };
    let untrusted = traits.machine_tag_is_default && !args.trust_tag;
    let asks = output.clone();
    let (trusted, yes) = (!untrusted, args.yes);
    let confirm = move |found: &Adoptable| {
        show(found, &asks);
        trusted && (yes || asks.confirm("Make these texts ours?").unwrap_or(false))
    };
    let job = async |parts| pipeline::adopt(parts, confirm).await;
    let exit = setup
        .carry_out(plan, Access::Record, args.json, output, job)
        .await?;
    if untrusted && exit == Exit::Done {
        let message = "this site tags every text as machine-made by itself, a person's too, so the \
                       tag proves little; nothing was adopted";
        let hint = "if all the texts shown above are machine-made, run it again with --trust-tag";
        return Err(Usage::new(message, hint).into());
    }
    Ok(exit)
}

fn show(found: &Adoptable, output: &Output) {
    output.say(&format!(
        "{} machine-tagged texts are not in our record, such as:",
        found.count
    ));
    for (photo, text) in &found.samples {
        output.say(&format!("  {photo}: {text}"));
    }
}
