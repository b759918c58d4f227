//! Any local program as a model: an argument list without a shell, the image
//! as a private temporary file, the caption on its standard output.
//!
//! In every argument `{image}` becomes the path of the JPEG and `{prompt}` the
//! whole text. The program inherits the environment and the working directory,
//! but not the secrets of others: neither the site's token nor the keys of other
//! models. The key that its own entry names in `api_key_env` reaches it, from a
//! `.env` file too. A call record keeps exit code, output
//! and the end of the error output as JSON, so that it can be judged again.

use super::ending::text;
use super::fault::one_line;
use super::picture::{self, Picture};
use super::process::{self, Ended, Failed, Surroundings};
use super::tokens::Estimator;
use super::{Conversation, Model, ModelError, bodies};
use crate::archive::{Ending, Finish, RawReply, Reply, Unanswered, Usage};
use crate::config::{ModelEntry, Secrets};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// The exit codes with which shells and `env` say that a program could not be
/// run, and that it was not found.
const NOT_RUNNABLE: i64 = 126;
const NOT_FOUND: i64 = 127;

/// The signals that end a program from outside: killed (often for lack of
/// memory) and terminated.
const FROM_OUTSIDE: [i64; 2] = [9, 15];

/// A local program that captions.
pub(super) struct Command {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
    environment: Surroundings,
    estimator: Estimator,
    entry: String,
}

impl Command {
    pub(super) fn new(entry: &ModelEntry) -> Result<Self, ModelError> {
        let (program, arguments) = entry
            .command
            .split_first()
            .filter(|(program, _)| !program.trim().is_empty())
            .ok_or_else(|| ModelError::NoCommand {
                model: entry.name.to_string(),
            })?;
        if !arguments
            .iter()
            .any(|argument| argument.contains("{image}"))
        {
            tracing::warn!(model = %entry.name, "no argument of its command contains {{image}}, so it can't see the photo");
        }
        picture::remove_left_behind();
        let key = super::http::key(entry)?;
        let environment = Surroundings {
            withheld: entry.withheld.iter().cloned().collect(),
            key: entry.api_key_env.clone().zip(key),
        };
        Ok(Self {
            environment,
            program: program.clone(),
            arguments: arguments.to_vec(),
            timeout: entry.limits.timeout,
            estimator: Estimator::new(entry),
            entry: entry.name.to_string(),
        })
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        let Ok(record) = serde_json::from_str::<Value>(&reply.body) else {
            return Ending::Photo("the record of the call is damaged".to_owned());
        };
        let (program, entry) = (&self.program, &self.entry);
        let said = one_line(last_line(text(&record, "/stderr").unwrap_or_default()));
        let said = if said.is_empty() {
            said
        } else {
            format!(": {said}")
        };
        let number = |key: &str| record.get(key).and_then(Value::as_i64);
        if record.get("overflowed") == Some(&Value::Bool(true)) {
            return Ending::Photo(format!("{program} wrote more than a caption, without end"));
        }
        match (number("exit"), number("signal")) {
            (Some(0), _) => {
                let caption = text(&record, "/stdout").unwrap_or_default().trim();
                if caption.is_empty() {
                    return Ending::Photo(format!("{program} wrote nothing{said}"));
                }
                Ending::Done(Reply {
                    text: caption.to_owned(),
                    finish: Finish::Stop,
                    usage: None,
                    model: None,
                })
            }
            (Some(code @ (NOT_RUNNABLE | NOT_FOUND)), _) => Ending::Settings(format!(
                "{program} can't be run (exit code {code}){said}; check `command` of `{entry}`"
            )),
            (Some(code), _) => {
                Ending::Photo(format!("{program} ended with exit code {code}{said}"))
            }
            (None, Some(signal)) if FROM_OUTSIDE.contains(&signal) => Ending::Outage(format!(
                "{program} was ended from outside by signal {signal}, perhaps for lack of memory"
            )),
            (None, signal) => Ending::Photo(format!(
                "{program} crashed with signal {}{said}",
                signal.unwrap_or_default()
            )),
        }
    }
}

#[async_trait]
impl Model for Command {
    async fn send(&self, conversation: &Conversation) -> Result<RawReply, Unanswered> {
        let image = match conversation.image() {
            Some(image) => Some(Picture::write(image.clone()).await.map_err(|error| {
                Unanswered::NotSent(format!("no temporary file for the image: {error}"))
            })?),
            None => None,
        };
        let path = image.as_ref().map(|file| file.path().to_string_lossy());
        let prompt = conversation.text().replace('\0', "");
        let arguments: Vec<_> = self
            .arguments
            .iter()
            .map(|argument| fill(argument, path.as_deref().unwrap_or_default(), &prompt))
            .collect();
        // The file lives until here, whether the program ends, is killed, or
        // nobody waits for it any longer.
        bodies::request(|| json!({"program": self.program, "arguments": arguments})).await;
        let ended = process::run(&self.program, &arguments, &self.environment, self.timeout).await;
        let reply = match ended {
            Ok(ended) => Ok(record(&ended, &self.environment)),
            Err(Failed::Start(error)) => Ok(record(&not_started(&error), &self.environment)),
            Err(Failed::TooSlow) => Err(Unanswered::Lost(format!(
                "{} took longer than {} s and was killed",
                self.program,
                self.timeout.as_secs_f64()
            ))),
        };
        bodies::replied(|| match &reply {
            Ok(raw) => serde_json::from_str(&raw.body).unwrap_or_default(),
            Err(why) => json!({"error": why.to_string()}),
        })
        .await;
        reply
    }

    fn judge(&self, reply: &RawReply) -> Ending {
        self.judge(reply)
    }

    fn estimate(&self, conversation: &Conversation) -> Usage {
        self.estimator.estimate(conversation)
    }
}

/// Fills both placeholders in one pass, so that a prompt which speaks of
/// `{image}` stays as it is.
fn fill(argument: &str, image: &str, prompt: &str) -> String {
    let mut filled = String::new();
    let mut rest = argument;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(after) = rest.strip_prefix("{image}") {
            filled.push_str(image);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{prompt}") {
            filled.push_str(prompt);
            rest = after;
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled + rest
}

/// The record of a call. A program may print its key, in a complaint about it
/// for instance; what is kept must not have it.
fn record(ended: &Ended, environment: &Surroundings) -> RawReply {
    let secrets = Secrets::new(environment.key.iter().map(|(_, key)| key));
    let mut body = json!({
        "exit": ended.exit,
        "stdout": secrets.mask(&ended.stdout),
        "stderr": secrets.mask(&ended.stderr),
    });
    if let Some(signal) = ended.signal {
        body["signal"] = signal.into();
    }
    if ended.overflowed {
        body["overflowed"] = true.into();
    }
    RawReply {
        status: if ended.exit == Some(0) { 200 } else { 500 },
        headers: Vec::new(),
        body: body.to_string(),
    }
}

/// A program that can't be started looks as it would behind a shell.
fn not_started(error: &io::Error) -> Ended {
    let code = if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_RUNNABLE
    };
    Ended {
        exit: i32::try_from(code).ok(),
        signal: None,
        stdout: String::new(),
        stderr: error.to_string(),
        overflowed: false,
    }
}

fn last_line(text: &str) -> &str {
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Provider;
    use crate::model::testing::{Class, class, done, entry, talk};
    use nix::sys::signal::kill;
    use nix::unistd::Pid;
    use std::path::Path;

    fn command(arguments: &[&str], timeout: Duration) -> Command {
        let mut entry = entry(Provider::Command);
        entry.command = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        entry.limits.timeout = timeout;
        Command::new(&entry).unwrap()
    }

    fn script(code: &str, more: &[&str]) -> Command {
        let mut arguments = vec!["/bin/sh", "-c", code, "sh"];
        arguments.extend(more);
        command(&arguments, Duration::from_secs(20))
    }

    async fn told(command: &Command) -> Ending {
        Model::judge(command, &command.send(&talk()).await.unwrap())
    }

    /// Waits for a line to appear in a file that a script writes.
    async fn line_in(path: &Path) -> String {
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, async {
            loop {
                if let Ok(text) = std::fs::read_to_string(path)
                    && text.ends_with('\n')
                {
                    return text.trim().to_owned();
                }
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the script writes the line")
    }

    async fn gone(process: &str) {
        let process = Pid::from_raw(process.parse().unwrap());
        let status = format!("/proc/{process}/stat");
        let dead = || {
            // An orphan that nobody has reaped yet is dead, too.
            kill(process, None).is_err()
                || std::fs::read_to_string(&status)
                    .map_or(true, |stat| stat.contains(") Z") || stat.contains(") X"))
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, async {
            while !dead() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the process is killed");
    }

    #[tokio::test]
    async fn a_program_gets_image_and_prompt_and_its_output_is_the_caption() {
        let command = script(
            r#"stat -c %a "$1"; wc -c < "$1"; printf '%s|' "$2" "$1"; echo; echo noise >&2"#,
            &["{image}", "--say={prompt}"],
        );
        let raw = command.send(&talk()).await.unwrap();
        let ending = Model::judge(&command, &raw);
        let (text, finish, ..) = done(&ending);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["600", "4"], "{text}");
        assert_eq!(lines[2..4], ["--say=Be brief.", ""], "{text}");
        assert!(lines[4].starts_with("Describe.|/"), "{text}");
        assert_eq!(finish, Finish::Stop);
        let path = lines[4]
            .trim_start_matches("Describe.|")
            .trim_end_matches('|');
        let path = Path::new(path);
        assert!(path.extension().is_some_and(|end| end == "jpg"), "{text}");
        assert!(!path.exists(), "{text}");
        let record: Value = serde_json::from_str(&raw.body).unwrap();
        assert_eq!(
            (&record["exit"], &record["stderr"]),
            (&json!(0), &json!("noise\n"))
        );
    }

    #[tokio::test]
    async fn no_shell_reads_the_arguments() {
        let echo = command(
            &["/bin/echo", "$(id); `id` $HOME", "{image"],
            Duration::from_secs(20),
        );
        let ending = told(&echo).await;
        assert_eq!(done(&ending).0, "$(id); `id` $HOME {image");
    }

    #[test]
    fn a_prompt_that_speaks_of_the_image_stays_as_it_is() {
        assert_eq!(
            fill("{prompt} {image}{x}", "/a", "{image}"),
            "{image} /a{x}"
        );
        assert_eq!(fill("", "/a", "p"), "");
    }

    #[tokio::test]
    async fn every_end_of_a_program_has_its_class() {
        for (code, expected) in [
            ("echo A dog.", Class::Done),
            ("echo ' '", Class::Photo),
            ("true", Class::Photo),
            ("echo oops >&2; exit 1", Class::Photo),
            ("echo A dog.; exit 3", Class::Photo),
            ("exit 126", Class::Settings),
            ("no-such-program-anywhere", Class::Settings),
            ("kill -9 $$", Class::Outage),
            ("kill -15 $$", Class::Outage),
            ("kill -6 $$", Class::Photo),
            ("yes", Class::Photo),
        ] {
            assert_eq!(class(&told(&script(code, &[])).await), expected, "{code}");
        }
        let missing = command(&["/no/such/program"], Duration::from_secs(20));
        let ending = told(&missing).await;
        assert_eq!(class(&ending), Class::Settings, "{ending:?}");
        let folder = command(&["/"], Duration::from_secs(20));
        assert_eq!(class(&told(&folder).await), Class::Settings);
    }

    #[tokio::test]
    async fn failures_quote_the_last_line_of_the_error_output() {
        let ending = told(&script(
            "echo first >&2; echo 'CUDA: out of memory' >&2; exit 1",
            &[],
        ))
        .await;
        assert_eq!(
            ending,
            Ending::Photo("/bin/sh ended with exit code 1: CUDA: out of memory".to_owned())
        );
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_error_output_is_kept() {
        let command = script(
            "yes error | head -c 3000000 >&2; echo last >&2; echo A dog.",
            &[],
        );
        let raw = command.send(&talk()).await.unwrap();
        let record: Value = serde_json::from_str(&raw.body).unwrap();
        let kept = record["stderr"].as_str().unwrap();
        assert!(
            kept.len() <= 16 * 1024 && kept.ends_with("last\n"),
            "{}",
            kept.len()
        );
    }

    #[tokio::test]
    async fn a_timeout_kills_grandchildren_too_and_removes_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let code = r#"sleep 600 & echo "$! $1" > "$2.part"; mv "$2.part" "$2"; wait"#;
        let slow = command(
            &[
                "/bin/sh",
                "-c",
                code,
                "sh",
                "{image}",
                notes.to_str().unwrap(),
            ],
            Duration::from_secs(8),
        );
        let talk = talk();
        let (outcome, line) = tokio::join!(slow.send(&talk), line_in(&notes));
        let error = outcome.unwrap_err();
        let Unanswered::Lost(text) = &error else {
            panic!("{error:?}")
        };
        assert!(text.contains("longer than 8 s"), "{text}");
        let (grandchild, image) = line.split_once(' ').unwrap();
        gone(grandchild).await;
        assert!(!Path::new(image).exists());
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_is_killed_with_all_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let code = r#"sleep 600 & echo "$! $1" > "$2.part"; mv "$2.part" "$2"; wait"#;
        let slow = script(code, &["{image}", notes.to_str().unwrap()]);
        let talk = talk();
        let line = tokio::select! {
            outcome = slow.send(&talk) => panic!("{outcome:?}"),
            line = line_in(&notes) => line,
        };
        let (grandchild, image) = line.split_once(' ').unwrap();
        gone(grandchild).await;
        assert!(!Path::new(image).exists());
    }

    #[tokio::test]
    async fn a_child_in_the_background_does_not_hold_up_the_caption() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let code = r#"sleep 600 & echo "$!" > "$1"; echo A dog."#;
        let command = script(code, &[notes.to_str().unwrap()]);
        let ending = told(&command).await;
        assert_eq!(done(&ending).0, "A dog.");
        gone(&line_in(&notes).await).await;
    }

    #[test]
    fn an_entry_without_a_program_is_refused() {
        let error = Command::new(&entry(Provider::Command)).err().unwrap();
        assert!(error.to_string().contains("`command` is empty"), "{error}");
    }
}
