//! `pipeline.toml` as it was written: every key optional, types checked, ranges
//! and meaning not yet.

use super::clock;
use super::error::{Problems, Remark};
use super::reader::{Given, Table, expected, text};
use super::source::Source;
use super::tree::{Field, Value};
use jiff::civil::Time;
use std::time::Duration;

/// The whole file.
pub(super) struct RawSettings<'a> {
    pub(super) model: Option<Given<'a, String>>,
    pub(super) fallback: Vec<Given<'a, String>>,
    pub(super) models: Option<Given<'a, String>>,
    pub(super) state: Option<Given<'a, String>>,
    pub(super) language: Option<Given<'a, String>>,
    pub(super) site: RawSite<'a>,
    pub(super) context: RawContext<'a>,
    pub(super) run: RawRun<'a>,
    pub(super) photo: RawPhoto<'a>,
    pub(super) metrics: RawMetrics<'a>,
    pub(super) notify: RawNotify<'a>,
}

/// `[site]`.
pub(super) struct RawSite<'a> {
    pub(super) name: Option<Given<'a, String>>,
    pub(super) preset: Option<Given<'a, String>>,
    pub(super) base_url: Option<Given<'a, String>>,
    pub(super) user: Option<Given<'a, String>>,
    pub(super) token_env: Option<Given<'a, String>>,
    pub(super) token_file: Option<Given<'a, String>>,
    pub(super) ca_file: Option<Given<'a, String>>,
    pub(super) manifest: Option<Given<'a, String>>,
    pub(super) pixels: Option<RawPixels<'a>>,
    pub(super) thumbnail: Option<Given<'a, String>>,
    pub(super) page: Option<Given<'a, String>>,
    pub(super) concurrency: Option<Given<'a, u64>>,
    pub(super) requests_per_second: Option<Given<'a, f64>>,
    pub(super) recheck: Option<Given<'a, Duration>>,
    pub(super) sweep: Option<Given<'a, Duration>>,
    pub(super) timeout: Option<Given<'a, Duration>>,
    pub(super) dir: Option<Given<'a, String>>,
    pub(super) texts: Option<Given<'a, String>>,
    pub(super) sidecar: Option<Given<'a, String>>,
    /// The keys that describe the site's API.
    pub(super) description: Vec<(&'static str, Given<'a, &'a Value>)>,
}

/// Keys of `[site]` that describe its API; `site` knows what may be in them.
pub(super) const DESCRIPTION: [&str; 13] = [
    "set",
    "id",
    "auth",
    "probe",
    "may_write",
    "list",
    "read",
    "update",
    "fields",
    "image",
    "tag",
    "join",
    "errors",
];

/// `site.pixels`: text or a table.
pub(super) enum RawPixels<'a> {
    Url(Given<'a, String>),
    Dir(Given<'a, String>),
    /// Something else, which is already noted as a problem.
    Unusable,
}

/// `[context]`.
pub(super) struct RawContext<'a> {
    pub(super) album: Option<Given<'a, bool>>,
    pub(super) title: Option<Given<'a, bool>>,
    pub(super) caption: Option<Given<'a, bool>>,
    pub(super) place: Option<Given<'a, bool>>,
    pub(super) date: Option<Given<'a, bool>>,
    pub(super) notes: Option<Given<'a, String>>,
}

/// `[run]`.
pub(super) struct RawRun<'a> {
    pub(super) concurrency: Option<Given<'a, u64>>,
    pub(super) max_cost: Option<Given<'a, f64>>,
    pub(super) max_cost_per_day: Option<Given<'a, f64>>,
    pub(super) deadline: Option<Given<'a, Duration>>,
    pub(super) until: Option<Given<'a, Time>>,
    pub(super) drain: Option<Given<'a, Duration>>,
    pub(super) outage_patience: Option<Given<'a, Duration>>,
    pub(super) max_tries: Option<Given<'a, u64>>,
    pub(super) retry_after: Option<Given<'a, Duration>>,
    pub(super) retry_after_max: Option<Given<'a, Duration>>,
    pub(super) publish_embedded: Option<Given<'a, bool>>,
    pub(super) heartbeat: Option<Given<'a, Duration>>,
}

/// `[metrics]`.
pub(super) struct RawMetrics<'a> {
    pub(super) file: Option<Given<'a, String>>,
}

/// `[notify]`.
pub(super) struct RawNotify<'a> {
    pub(super) ping: RawSecret<'a>,
    pub(super) start: RawSecret<'a>,
    pub(super) success: RawSecret<'a>,
    pub(super) fail: RawSecret<'a>,
    pub(super) ping_method: Option<Given<'a, String>>,
    pub(super) webhook: RawSecret<'a>,
    pub(super) webhook_key: RawSecret<'a>,
    pub(super) success_codes: Option<Vec<Given<'a, u64>>>,
}

/// A secret that is in a variable or in a file: `NAME_env` and `NAME_file`.
pub(super) struct RawSecret<'a> {
    /// What both keys begin with.
    pub(super) name: &'static str,
    pub(super) variable: Option<Given<'a, String>>,
    pub(super) file: Option<Given<'a, String>>,
}

/// `[photo]`.
#[expect(clippy::struct_field_names, reason = "the keys are called so")]
pub(super) struct RawPhoto<'a> {
    pub(super) max_bytes: Option<Given<'a, u64>>,
    pub(super) max_pixels: Option<Given<'a, u64>>,
    pub(super) max_memory: Option<Given<'a, u64>>,
}

impl<'a> RawSettings<'a> {
    pub(super) fn read(source: &'a Source, fields: &'a [Field], problems: &mut Problems) -> Self {
        let top = Table::new(source, "", fields);
        let settings = Self {
            model: top.text("model", problems),
            fallback: top.texts("fallback", problems).unwrap_or_default(),
            models: top.text("models", problems),
            state: top.text("state", problems),
            language: top.text("language", problems),
            site: RawSite::read(&top.table("site", problems), problems),
            context: RawContext::read(&top.table("context", problems), problems),
            run: RawRun::read(&top.table("run", problems), problems),
            photo: RawPhoto::read(&top.table("photo", problems), problems),
            metrics: RawMetrics::read(&top.table("metrics", problems), problems),
            notify: RawNotify::read(&top.table("notify", problems), problems),
        };
        top.done(problems, wrong_table);
        settings
    }

    /// The names of variables that hold secrets of the site or of whoever is
    /// notified: no model's program gets them.
    pub(super) fn secret_variables(&self) -> impl Iterator<Item = &str> {
        let notify = self.notify.secrets().map(|secret| &secret.variable);
        let all = std::iter::once(&self.site.token_env).chain(notify);
        all.flatten().map(|given| given.value.as_str())
    }
}

/// A key of a table that was written above the table's own heading.
fn wrong_table(key: &str) -> Option<String> {
    let homes = [
        (
            "site",
            &[
                "name",
                "preset",
                "base_url",
                "user",
                "token_env",
                "token_file",
                "ca_file",
                "manifest",
                "pixels",
                "dir",
                "texts",
                "sidecar",
            ][..],
        ),
        ("context", &["album", "title", "caption", "notes"]),
        (
            "run",
            &[
                "concurrency",
                "max_cost",
                "max_cost_per_day",
                "deadline",
                "until",
                "max_tries",
            ],
        ),
    ];
    let (home, _) = homes.into_iter().find(|(_, keys)| keys.contains(&key))?;
    Some(format!("`{key}` belongs under [{home}]"))
}

impl<'a> RawSite<'a> {
    fn read(table: &Table<'a>, problems: &mut Problems) -> Self {
        let site = Self {
            name: table.text("name", problems),
            preset: table.text("preset", problems),
            base_url: table.text("base_url", problems),
            user: table.text("user", problems),
            token_env: table.text("token_env", problems),
            token_file: table.text("token_file", problems),
            ca_file: table.text("ca_file", problems),
            manifest: table.text("manifest", problems),
            pixels: RawPixels::read(table, problems),
            thumbnail: table.text("thumbnail", problems),
            page: table.text("page", problems),
            concurrency: table.whole("concurrency", problems),
            requests_per_second: table.number("requests_per_second", problems),
            recheck: table.duration("recheck", problems),
            sweep: table.duration("sweep", problems),
            timeout: table.duration("timeout", problems),
            dir: table.text("dir", problems),
            texts: table.text("texts", problems),
            sidecar: table.text("sidecar", problems),
            description: DESCRIPTION
                .into_iter()
                .filter_map(|key| Some((key, table.node(key)?)))
                .collect(),
        };
        table.done(problems, |key| {
            let secret = ["token", "password", "api_key"].contains(&key);
            secret.then(|| {
                "name the variable that holds it in `token_env`, or its file in `token_file`"
                    .to_owned()
            })
        });
        site
    }

    /// The keys that are set and mean something for a site behind HTTP only.
    pub(super) fn of_http(&self) -> Vec<&'static str> {
        let keys = [
            ("base_url", self.base_url.is_some()),
            ("token_env", self.token_env.is_some()),
            ("token_file", self.token_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("manifest", self.manifest.is_some()),
            ("pixels", self.pixels.is_some()),
            ("user", self.user.is_some()),
        ];
        let described = self.description.iter().map(|(key, _)| *key);
        set(keys).into_iter().chain(described).collect()
    }

    /// The keys that are set and mean something for a folder only.
    pub(super) fn of_folders(&self) -> Vec<&'static str> {
        set([
            ("dir", self.dir.is_some()),
            ("texts", self.texts.is_some()),
            ("sidecar", self.sidecar.is_some()),
        ])
    }
}

fn set<const N: usize>(keys: [(&'static str, bool); N]) -> Vec<&'static str> {
    let set = keys.into_iter().filter(|(_, set)| *set);
    set.map(|(key, _)| key).collect()
}

impl<'a> RawPixels<'a> {
    fn read(site: &Table<'a>, problems: &mut Problems) -> Option<Self> {
        let given = site.node("pixels")?;
        match given.value {
            Value::Text(_) => Some(text(&given, problems).map_or(Self::Unusable, Self::Url)),
            Value::Table(_) => {
                let table = site.table("pixels", problems);
                let before = problems.count();
                let dir = table.text("dir", problems);
                table.done(problems, |_| None);
                if dir.is_none() && problems.count() == before {
                    let remark = Remark::new("`site.pixels` names no directory")
                        .hint("write pixels = { dir = \"/path/to/originals\" }");
                    given.remark(problems, remark);
                }
                Some(dir.map_or(Self::Unusable, Self::Dir))
            }
            _ => {
                expected(&given, "a URL template or { dir = \"…\" }", problems);
                Some(Self::Unusable)
            }
        }
    }
}

impl<'a> RawContext<'a> {
    fn read(table: &Table<'a>, problems: &mut Problems) -> Self {
        let context = Self {
            album: table.flag("album", problems),
            title: table.flag("title", problems),
            caption: table.flag("caption", problems),
            place: table.flag("place", problems),
            date: table.flag("date", problems),
            notes: table.text("notes", problems),
        };
        table.done(problems, |_| None);
        context
    }
}

impl<'a> RawRun<'a> {
    fn read(table: &Table<'a>, problems: &mut Problems) -> Self {
        let run = Self {
            concurrency: table.whole("concurrency", problems),
            max_cost: table.number("max_cost", problems),
            max_cost_per_day: table.number("max_cost_per_day", problems),
            deadline: table.duration("deadline", problems),
            until: time_of_day(table.text("until", problems), problems),
            drain: table.duration("drain", problems),
            outage_patience: table.duration("outage_patience", problems),
            max_tries: table.whole("max_tries", problems),
            retry_after: table.duration("retry_after", problems),
            retry_after_max: table.duration("retry_after_max", problems),
            publish_embedded: table.flag("publish_embedded", problems),
            heartbeat: table.duration("heartbeat", problems),
        };
        table.done(problems, |_| None);
        run
    }
}

fn time_of_day<'a>(
    given: Option<Given<'a, String>>,
    problems: &mut Problems,
) -> Option<Given<'a, Time>> {
    let given = given?;
    match clock::time_of_day(&given.value) {
        Ok(time) => Some(given.with(time)),
        Err(what) => {
            given.remark(problems, Remark::new(format!("{}: {what}", given.title())));
            None
        }
    }
}

impl<'a> RawMetrics<'a> {
    fn read(table: &Table<'a>, problems: &mut Problems) -> Self {
        let metrics = Self {
            file: table.text("file", problems),
        };
        table.done(problems, |_| None);
        metrics
    }
}

impl<'a> RawNotify<'a> {
    fn read(table: &Table<'a>, problems: &mut Problems) -> Self {
        let mut secret = |name, variable, file| RawSecret {
            name,
            variable: table.text(variable, problems),
            file: table.text(file, problems),
        };
        let notify = Self {
            ping: secret("ping", "ping_env", "ping_file"),
            start: secret("start", "start_env", "start_file"),
            success: secret("success", "success_env", "success_file"),
            fail: secret("fail", "fail_env", "fail_file"),
            webhook: secret("webhook", "webhook_env", "webhook_file"),
            webhook_key: secret("webhook_key", "webhook_key_env", "webhook_key_file"),
            ping_method: table.text("ping_method", problems),
            success_codes: table.wholes("success_codes", problems),
        };
        table.done(problems, |key| {
            let secret = ["ping", "start", "success", "fail", "webhook", "webhook_key"];
            secret.contains(&key).then(|| {
                format!(
                    "name the variable that holds it in `{key}_env`, or its file in `{key}_file`"
                )
            })
        });
        notify
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &RawSecret<'a>> {
        let pings = [&self.ping, &self.start, &self.success, &self.fail];
        pings.into_iter().chain([&self.webhook, &self.webhook_key])
    }
}

impl RawSecret<'_> {
    /// Whether neither key is there.
    pub(super) fn is_absent(&self) -> bool {
        self.variable.is_none() && self.file.is_none()
    }

    /// Notes that what it names can't be used.
    pub(super) fn refuse(&self, problems: &mut Problems, what: &str) {
        if let Some(given) = self.variable.as_ref().or(self.file.as_ref()) {
            given.refuse(problems, what);
        }
    }

    /// Notes a remark at its place.
    pub(super) fn remark(&self, problems: &mut Problems, remark: Remark) {
        if let Some(given) = self.variable.as_ref().or(self.file.as_ref()) {
            given.remark(problems, remark);
        }
    }
}

impl<'a> RawPhoto<'a> {
    fn read(table: &Table<'a>, problems: &mut Problems) -> Self {
        let photo = Self {
            max_bytes: table.size("max_bytes", problems),
            max_pixels: table.whole("max_pixels", problems),
            max_memory: table.size("max_memory", problems),
        };
        table.done(problems, |_| None);
        photo
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The keys in the first column of the tables under a heading.
    fn documented(heading: &str) -> Vec<String> {
        let text = include_str!("../../docs/CONFIGURATION.md");
        let (_, rest) = text.split_once(heading).expect("the heading is there");
        let section = rest.split("\n##").next().unwrap_or_default();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let first = rows.filter_map(|line| line.split('|').nth(1));
        let keys = first.flat_map(|cell| cell.split(',').map(|key| key.trim().trim_matches('`')));
        keys.map(str::to_owned).collect()
    }

    type Read = fn(&Table<'_>, &mut Problems);

    #[test]
    fn every_key_is_documented_and_every_documented_key_is_read() {
        let source = Source::new(Path::new("pipeline.toml"), String::new());
        let problems = &mut Problems::default();
        let tables: [(&str, Read); 6] = [
            ("\n### [site]\n", |table, problems| {
                RawSite::read(table, problems);
            }),
            ("\n### [context]\n", |table, problems| {
                RawContext::read(table, problems);
            }),
            ("\n### [run]\n", |table, problems| {
                RawRun::read(table, problems);
            }),
            ("\n### [photo]\n", |table, problems| {
                RawPhoto::read(table, problems);
            }),
            ("\n### [metrics]\n", |table, problems| {
                RawMetrics::read(table, problems);
            }),
            ("\n### [notify]\n", |table, problems| {
                RawNotify::read(table, problems);
            }),
        ];
        for (heading, read) in tables {
            let table = Table::new(&source, "", &[]);
            read(&table, problems);
            let mut known = table.asked();
            let mut told = documented(heading);
            known.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, known, "{heading}");
        }
    }
}
