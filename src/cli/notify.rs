//! `altfill check --notify`: does everybody whom `[notify]` names take what
//! they are sent?

use super::args::Global;
use super::exit::{Exit, Usage};
use super::output::Output;
use super::setup::settings_with;
use super::signals;
use crate::archive::Moment;
use crate::config::Needs;
use crate::notify::{News, Notifier};
use crate::pipeline::Stop;
use crate::report::events::time;
use serde_json::json;
use tokio_util::sync::CancellationToken;

pub(super) async fn check(global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let settings = settings_with(Needs::Unattended, global, None, output)?;
    let Some(notify) = settings.notify else {
        let message = "the settings name nobody to notify";
        let hint = "docs/CONFIGURATION.md tells what goes under [notify]";
        return Err(Usage::new(message, hint).into());
    };
    let fail = notify.fail.clone().filter(|_| notify.success.is_some());
    let stop = Stop::default();
    signals::listen(stop.clone(), CancellationToken::new());
    let notifier = Notifier::new(notify, stop.soft().clone());
    let time = time(Moment::now());
    let id = format!("msg_{}", uuid::Uuid::now_v7());
    let data = json!({"site": settings.site.name.as_str(), "test": true});
    let news = News {
        exit_code: 0,
        words: "altfill check --notify: a test, no run",
        id: &id,
        time: &time,
        data: &data,
    };
    let mut failed = 0;
    for tried in notifier.check(&news).await {
        let line = match &tried.result {
            Ok(()) => format!("ok    {}: takes {}", tried.whom, tried.what),
            Err(why) => format!("FAIL  {}: {} was not taken: {why}", tried.whom, tried.what),
        };
        failed += usize::from(tried.result.is_err());
        output.data(&output.mask(&line))?;
    }
    if let Some(fail) = fail {
        let host = fail.host();
        output.say(&format!(
            "notify.{} ({host}): a failure was not sent, since it would raise an alarm",
            fail.key()
        ));
    }
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Stopped
    })
}
