//! Settings files, for `crate::fuzz`.

use super::environment::Environment;
use super::error::Problems;
use super::layers::{Layers, Needs, Overrides};
use super::raw::RawSettings;
use super::source::Source;
use super::{entries, resolve, site};
use std::path::Path;

fn shown(problems: Problems) {
    if let Err(error) = problems.into_result() {
        assert!(!error.to_string().is_empty());
        let _ = error.hint();
    }
}

fn environment() -> Environment {
    Environment::from_pairs([("SITE_TOKEN", "s3cret-t0ken"), ("KEY", "s3cret-k3y")])
}

/// The text of a `models.yaml`.
pub fn models(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Source::new(Path::new("/nowhere/models.yaml"), text);
    let mut problems = Problems::default();
    let read = entries::read(&source, &environment(), &mut problems);
    for entry in read.iter().flat_map(|models| models.values()) {
        let _ = entries::warnings(entry);
        let _ = crate::model::settings_fingerprint(entry);
    }
    shown(problems);
}

/// The text of a `pipeline.toml`.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let file = Source::new(Path::new("/nowhere/pipeline.toml"), text);
    let fields = match resolve::toml_fields(&file) {
        Ok(fields) => fields,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut problems = Problems::default();
    let raw = RawSettings::read(&file, &fields, &mut problems);
    let environment = environment();
    let directory = Path::new("/nowhere");
    let overrides = Overrides {
        needs: Needs::Site,
        ..Overrides::default()
    };
    let common = Layers {
        overrides: &overrides,
        environment: &environment,
        directory,
        problems: &mut problems,
    }
    .common(&raw);
    let _ = common.run(&raw.run, &mut problems);
    let parts = site::Parts {
        raw: &raw.site,
        environment: &environment,
        directory,
        needs: Needs::Site,
    };
    if let Some(resolved) = site::resolve(&parts, &mut problems) {
        crate::site::fuzz::described(&resolved.settings);
    }
    shown(problems);
}
