//! What the stories about wire formats share: a reply of the documentation as a
//! row, what it has to mean, and the three ways in which that is checked: by
//! the client alone, by a run in which each photo draws another row, and by
//! runs that one row has to stop.
//!
//! Bodies are written from the services' documentation. Every row has a name,
//! and a failure tells it.

use crate::support::model::Face;
use crate::support::{Act, FakeModel, FakePhoto, FakeSite, MODEL_KEY, Reply, When, Workspace};
use altfill::archive::{Ending, Finish, Jpeg, RawReply, Unanswered};
use altfill::config::{Environment, Overrides};
use altfill::model::{Conversation, Model, Part, Role, Turn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A caption that nothing could be said against.
pub(crate) const CAPTION: &str = "A brown dog runs along a wet beach.";

/// What a reply has to mean: the classes of the protocol sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Means {
    /// This text, and the model was done.
    Says(&'static str),
    /// This text, cut off by a limit.
    Cut(&'static str),
    /// The model or its provider declined.
    Refused,
    /// Ask again after so many seconds, where some were named.
    Wait(Option<f64>),
    /// An outage: ask again later.
    Later,
    /// This photo only.
    Photo,
    /// Settings or key: nobody can be asked until a person mends it.
    Settings,
    /// A quota or a balance is used up.
    Money,
}

/// One reply of a service, and what it has to mean.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) reply: Reply,
    pub(crate) means: Means,
    /// What the explanation has to contain.
    says: &'static str,
}

/// A row whose body is JSON.
pub(crate) fn row(name: &str, status: u16, body: &Value, means: Means) -> Row {
    plain(name, Reply::json(status, body), means)
}

/// A row with any reply.
pub(crate) fn plain(name: &str, reply: Reply, means: Means) -> Row {
    Row {
        name: name.to_owned(),
        reply,
        means,
        says: "",
    }
}

impl Row {
    /// The same, and the explanation contains this.
    pub(crate) fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    /// The same with one more header of the reply.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.reply = self.reply.with(name, value);
        self
    }
}

/// An entry of models.yaml for a provider, at a fake of its wire format.
pub(crate) struct Place {
    pub(crate) fake: FakeModel,
    entry: Value,
}

impl Place {
    /// `provider` as models.yaml knows it; `changes` are keys of the entry that
    /// replace the usual ones.
    pub(crate) fn new(provider: &str, changes: &Value) -> Self {
        let fake = match provider {
            "ollama" => FakeModel::ollama(),
            "anthropic" => FakeModel::anthropic(),
            "gemini" => FakeModel::gemini(),
            _ => FakeModel::openai(),
        };
        let mut entry = json!({
            "deployment": "local",
            "provider": provider,
            "model": "fake-vision",
            "base_url": fake.base_url(),
            "limits": {"concurrency": 64, "timeout": "60s"},
        });
        if fake.face() != Face::Ollama {
            entry["api_key_env"] = json!("MODEL_KEY");
        }
        for (key, value) in changes.as_object().expect("changes of an entry") {
            entry[key.as_str()] = value.clone();
        }
        Self { fake, entry }
    }

    /// A site and settings whose model `fake` is this one.
    pub(crate) fn library(&self) -> (FakeSite, Workspace) {
        let site = FakeSite::start();
        let mut workspace = Workspace::album(&site, &self.fake);
        workspace.add_entry("fake", self.entry.clone());
        (site, workspace)
    }

    /// The client for this place, with the settings as a person writes them.
    pub(crate) fn client(&self) -> Client {
        let (_site, workspace) = self.library();
        let overrides = Overrides {
            config: Some(workspace.path("pipeline.toml")),
            ..Overrides::default()
        };
        let variables = [
            ("MODEL_KEY", MODEL_KEY),
            ("SITE_TOKEN", crate::support::SITE_TOKEN),
        ];
        let settings = altfill::config::load(&overrides, Environment::from_pairs(variables))
            .expect("settings that load");
        let entry = settings.models.values().next().expect("one entry");
        Client {
            model: altfill::model::connect(entry).expect("an entry that can be connected"),
            runtime: Runtime::new().expect("a runtime"),
        }
    }
}

/// altfill's own client, without the rest of the program.
pub(crate) struct Client {
    pub(crate) model: Arc<dyn Model>,
    pub(crate) runtime: Runtime,
}

impl Client {
    /// Sends one photo with a text, and waits for the reply.
    pub(crate) fn send(&self, text: &str) -> Result<RawReply, Unanswered> {
        let conversation = conversation(text);
        self.runtime.block_on(self.model.send(&conversation))
    }

    /// The same, and what the reply means.
    pub(crate) fn hear(&self, text: &str) -> Result<Ending, Unanswered> {
        self.send(text).map(|reply| self.model.judge(&reply))
    }
}

/// A photo and a text, as they are said to a model.
pub(crate) fn conversation(text: &str) -> Conversation {
    let photo = Jpeg {
        bytes: Arc::clone(&crate::support::photos::pool()[0]),
        width: 640,
        height: 480,
    };
    Conversation {
        system: Some("Write alt text.".to_owned()),
        turns: vec![Turn {
            role: Role::User,
            parts: vec![Part::Image(photo), Part::Text(text.to_owned())],
        }],
    }
}

/// Fails unless the client takes every row as it is meant. Tells all rows that
/// it does not, by name.
pub(crate) fn are_understood(provider: &str, changes: &Value, rows: &[Row]) {
    let place = Place::new(provider, changes);
    let client = place.client();
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let marker = format!("Row {number:04} of the sheet.");
        let reply = Act::reply(row.reply.clone());
        place.fake.script(When::chat().text(&marker), reply);
        let heard = client.hear(&marker);
        let fits = heard
            .as_ref()
            .is_ok_and(|ending| meant(ending, row.means) && told(ending).contains(row.says));
        if !fits {
            let (name, means, says) = (&row.name, row.means, row.says);
            wrong.push(format!("{name}: {heard:?}, not {means:?} {says:?}"));
        }
    }
    let violations = place.fake.violations();
    assert!(violations.is_empty(), "{provider}: {violations:?}");
    assert_eq!(place.fake.count(), rows.len(), "{provider}: one call a row");
    assert!(wrong.is_empty(), "{provider}:\n{}", wrong.join("\n"));
}

fn meant(ending: &Ending, means: Means) -> bool {
    match (ending, means) {
        (Ending::Done(reply), Means::Says(text)) => {
            reply.finish == Finish::Stop && reply.text == text
        }
        (Ending::Done(reply), Means::Cut(text)) => {
            reply.finish == Finish::Length && reply.text == text
        }
        (Ending::Done(reply), Means::Refused) => reply.finish == Finish::Refused,
        (Ending::RetryAfter(wait, _), Means::Wait(seconds)) => {
            *wait == seconds.map(Duration::from_secs_f64)
        }
        (Ending::Outage(_), Means::Later)
        | (Ending::Photo(_), Means::Photo)
        | (Ending::Settings(_), Means::Settings)
        | (Ending::Quota(_), Means::Money) => true,
        _ => false,
    }
}

/// What an ending says to a person.
pub(crate) fn told(ending: &Ending) -> &str {
    match ending {
        Ending::Done(reply) => &reply.text,
        Ending::RetryAfter(_, told)
        | Ending::Outage(told)
        | Ending::Photo(told)
        | Ending::Settings(told)
        | Ending::Quota(told) => told,
    }
}

/// Runs the program over one photo for each row that does not stop a run. The
/// photos draw the rows; what asks for another try is drawn once.
pub(crate) fn are_lived_with(provider: &str, changes: &Value, rows: &[Row]) {
    let place = Place::new(provider, changes);
    let (site, workspace) = place.library();
    let short = |wait: Option<f64>| wait.is_none_or(|seconds| seconds <= 1.0);
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| match row.means {
            Means::Settings | Means::Money => false,
            Means::Wait(wait) => short(wait),
            _ => true,
        })
        .collect();
    let title = |number: usize| format!("Photo {number:04} of the sheet");
    let id = |number: usize| format!("sheet/p{number:04}");
    for (number, row) in rows.iter().enumerate() {
        site.add(&id(number), FakePhoto::new(&title(number)));
        let when = When::chat().text(&title(number));
        let again = matches!(row.means, Means::Wait(_) | Means::Later);
        let when = if again { when.times(1) } else { when };
        place.fake.script(when, Act::reply(row.reply.clone()));
    }
    workspace.list(&site);
    let bad = rows.iter().filter(|row| row.means == Means::Photo).count();
    let output = workspace.run(&["run", "--json"]).counted();
    let expected = if bad > 0 { 3 } else { 0 };
    assert_eq!(output.code, Some(expected), "{provider}: {output}");
    assert_eq!(output.number("/failed"), bad as u64, "{provider}: {output}");
    let tries = workspace.rows(
        "SELECT photos.photo, slots.tries, slots.last_error FROM slots
         JOIN photos ON photos.id = slots.photo",
    );
    let captions = place.fake.captions();
    let calls = place.fake.calls();
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let alt = site.alt(&id(number));
        let asked = calls
            .iter()
            .filter(|call| call.prompt.contains(&title(number)))
            .count();
        let slot = tries.iter().find(|slot| slot["photo"] == id(number));
        let slot = slot.expect("a row of every photo");
        let fits = match row.means {
            Means::Says(text) => alt == text.trim() && asked == 1 && slot["tries"] == 0,
            Means::Cut(_) => alt.is_empty() && slot["tries"] == 0,
            Means::Refused => alt.is_empty() && asked == 1 && slot["tries"] == 0,
            Means::Wait(_) | Means::Later => {
                captions.contains(&alt) && asked == 2 && slot["tries"] == 0
            }
            Means::Photo => alt.is_empty() && asked == 1 && slot["tries"] == 1,
            Means::Settings | Means::Money => unreachable!("filtered above"),
        };
        if !fits {
            let (name, means) = (&row.name, row.means);
            wrong.push(format!(
                "{name}: {alt:?} after {asked} calls, {slot:?}; {means:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{provider}:\n{}\n{output}",
        wrong.join("\n")
    );
}

/// Runs the program once for each row that stops a run: one call, the right
/// exit code, a word that helps, and no photo pays for it.
pub(crate) fn stop_a_run(provider: &str, changes: &Value, rows: &[Row]) {
    let place = Place::new(provider, changes);
    let (site, workspace) = place.library();
    site.add_many(3);
    workspace.list(&site);
    for row in rows {
        let (code, ended) = match row.means {
            Means::Settings => (1, "stopped"),
            Means::Money => (4, "quota"),
            _ => continue,
        };
        place.fake.forget();
        place.fake.behave();
        place
            .fake
            .script(When::chat(), Act::reply(row.reply.clone()));
        let output = workspace.run(&["run", "--json", "--concurrency", "1"]);
        let output = output.counted();
        let name = &row.name;
        assert_eq!(output.code, Some(code), "{provider}, {name}: {output}");
        assert_eq!(output.ended(), ended, "{provider}, {name}: {output}");
        assert_eq!(place.fake.count(), 1, "{provider}, {name}: {output}");
        assert_eq!(workspace.tries(), 0, "{provider}, {name}: {output}");
        output.says(&["fake", row.says]);
        assert!(site.writes().is_empty(), "{provider}, {name}: {output}");
    }
    // Whatever went on, every photo is still to be had.
    place.fake.behave();
    let output = workspace.run(&["run", "--json"]).expect(0).counted();
    assert_eq!(output.number("/written"), 3, "{provider}: {output}");
}
