//! As an owner I use any program as a model: it gets one private photo and one
//! text, no shell looks at either, and nothing of it is left behind.

use crate::support::photos::inspect_jpeg;
use crate::support::{FakeModel, FakePhoto, FakeSite, Program, Workspace};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A library whose model is a shell script. It gets the image, the prompt and
/// the directory of its notes; temporary files have a directory of their own.
fn library(script: &str) -> (FakeSite, Workspace) {
    let site = FakeSite::start();
    let nobody = FakeModel::openai();
    let mut workspace = Workspace::album(&site, &nobody);
    workspace.write("model.sh", format!("#!/bin/sh\n{script}\n"));
    let file = workspace.path("model.sh");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("our own file");
    for directory in ["notes", "tmp"] {
        std::fs::create_dir(workspace.path(directory)).expect("a scratch directory");
    }
    let text = |path: &Path| path.to_str().expect("a path of plain text").to_owned();
    let arguments = [
        // A file that was just written may be open in a child of another test, and
        // can't be executed then; a shell only reads it.
        "/bin/sh".to_owned(),
        text(&file),
        "{image}".to_owned(),
        "--prompt={prompt}".to_owned(),
        text(&workspace.path("notes")),
        "$HOME; *".to_owned(),
    ];
    workspace.add_entry(
        "fake",
        json!({"deployment": "local", "provider": "command", "command": arguments}),
    );
    (site, workspace)
}

fn altfill(workspace: &Workspace, args: &[&str]) -> Program {
    let tmp = workspace.path("tmp");
    workspace
        .altfill(args)
        .env("TMPDIR", tmp.to_str().expect("a path of plain text"))
}

fn notes(workspace: &Workspace, name: &str) -> String {
    std::fs::read_to_string(workspace.path(&format!("notes/{name}"))).unwrap_or_default()
}

/// Fails if a photo was left behind.
fn nothing_is_left(workspace: &Workspace) {
    let left = std::fs::read_dir(workspace.path("tmp")).expect("our own directory");
    let left: Vec<_> = left.map(|entry| entry.expect("an entry").path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Waits until a process is gone; one that nobody has reaped yet counts.
fn is_gone(process: &str) {
    let status = format!("/proc/{}/stat", process.trim());
    let end = Instant::now() + Duration::from_secs(20);
    while std::fs::read_to_string(&status)
        .is_ok_and(|stat| !stat.contains(") Z") && !stat.contains(") X"))
    {
        assert!(Instant::now() < end, "process {process} is still running");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn records(workspace: &Workspace) -> Vec<Value> {
    let replies = workspace.rows("SELECT reply FROM calls WHERE reply IS NOT NULL");
    let bodies = replies.iter().map(|row| {
        let reply: Value =
            serde_json::from_str(row["reply"].as_str().expect("a reply")).expect("JSON");
        serde_json::from_str(reply["body"].as_str().expect("a body")).expect("JSON")
    });
    bodies.collect()
}

#[test]
fn a_program_gets_one_private_photo_and_its_arguments_word_for_word() {
    let script = r#"
cat > "$3/stdin"
stat -c %a "$1" > "$3/mode"
cp "$1" "$3/seen.jpg"
for argument in "$@"; do printf '%s\0' "$argument"; done > "$3/arguments"
echo "some progress" >&2
echo "A quiet harbour at dawn.""#;
    let (site, workspace) = library(script);
    let album = "$(touch pwned) `touch pwned`; touch pwned & x | tee pwned > pwned * ~ \\ #";
    let title = "It's \"$HOME\" && touch pwned\t{image} %s --help";
    site.add(&format!("{album}/one"), FakePhoto::new(title));
    workspace.list(&site);
    let output = altfill(&workspace, &["run", "--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), 1, "{output}");
    assert_eq!(site.alts()[0].1, "A quiet harbour at dawn.");
    let arguments = notes(&workspace, "arguments");
    let arguments: Vec<&str> = arguments.trim_end_matches('\0').split('\0').collect();
    assert_eq!(arguments.len(), 4, "{arguments:?}");
    assert_eq!(arguments[3], "$HOME; *");
    let prompt = arguments[1].strip_prefix("--prompt=").expect("the prompt");
    // White space in a fact is one space; every other letter is as it was.
    let title = title.replace('\t', " ");
    assert!(prompt.contains(album), "{prompt}");
    assert!(prompt.contains(&title), "{prompt}");
    let image = Path::new(arguments[0]);
    assert!(
        image.extension().is_some_and(|end| end == "jpg"),
        "{arguments:?}"
    );
    for place in ["pwned", "notes/pwned", "tmp/pwned"] {
        assert!(
            !workspace.path(place).exists(),
            "a shell read the arguments"
        );
    }
    assert_eq!(notes(&workspace, "mode").trim(), "600");
    assert_eq!(notes(&workspace, "stdin"), "");
    let seen = std::fs::read(workspace.path("notes/seen.jpg")).expect("a copy of the photo");
    let facts = inspect_jpeg(&seen).expect("a whole JPEG");
    assert!(facts.metadata.is_empty(), "{facts:?}");
    let record = &records(&workspace)[0];
    assert_eq!(record["exit"], 0);
    assert_eq!(record["stderr"], "some progress\n");
    assert_eq!(record["stdout"], "A quiet harbour at dawn.\n");
    nothing_is_left(&workspace);
}

/// One photo for each way in which a program can end.
#[test]
fn every_end_of_a_program_is_told_apart_and_leaves_no_photo_behind() {
    let script = r#"
echo "$1" >> "$3/images"
case "$2" in
  *"exit one"*) echo "Traceback" >&2; echo "ValueError: odd colours" >&2; exit 1;;
  *"exit late"*) echo "A red boat on the sand."; exit 3;;
  *"only complains"*) echo "A red boat on the sand." >&2; exit 0;;
  *"says nothing"*) echo "  "; echo "no words today" >&2; exit 0;;
  *"crashes"*) kill -SEGV $$;;
  *"never stops"*) yes "A red boat on the sand.";;
  *"far too much"*) (trap '' PIPE; yes "A red boat on the sand." | head -c 3000000); exit 0;;
esac
echo "A quiet harbour at dawn.""#;
    let (site, workspace) = library(script);
    let failing = [
        ("exit one", "exit code 1: ValueError: odd colours"),
        ("exit late", "exit code 3"),
        ("crashes", "signal 11"),
        ("never stops", "without end"),
        ("far too much", "without end"),
        ("says nothing", "wrote nothing: no words today"),
        ("only complains", "wrote nothing: A red boat on the sand."),
    ];
    for (title, _) in failing {
        site.add(
            &format!("ends/{}", title.replace(' ', "-")),
            FakePhoto::new(title),
        );
    }
    site.add("ends/goes-well", FakePhoto::new("goes well"));
    workspace.list(&site);
    let output = altfill(&workspace, &["run", "--json"]).run().counted();
    assert_eq!(output.code, Some(3), "{output}");
    assert_eq!(output.number("/failed"), failing.len() as u64, "{output}");
    for (title, why) in failing {
        output.says(&[&title.replace(' ', "-"), why]);
    }
    assert!(!site.alts().iter().any(|(_, alt)| alt.contains("red boat")));
    assert_eq!(site.alt("ends/goes-well"), "A quiet harbour at dawn.");
    // stderr is kept with each call.
    let kept = records(&workspace).iter().any(|record| {
        record["exit"] == 1 && record["stderr"] == "Traceback\nValueError: odd colours\n"
    });
    assert!(kept, "{:?}", records(&workspace));
    for image in notes(&workspace, "images").lines() {
        assert!(!Path::new(image).exists(), "{image}");
    }
    nothing_is_left(&workspace);
}

#[test]
fn a_program_that_cannot_be_run_stops_the_run_at_once() {
    let (site, mut workspace) = library("exit 127");
    site.add_many(5);
    workspace.list(&site);
    let image = "{image}";
    for command in [
        json!(["/no/such/program", image]),
        json!(["no-such-program-anywhere", image]),
        // A folder, and a file that may not be run.
        json!([workspace.path("notes"), image]),
        json!([workspace.path("pipeline.toml"), image]),
        // What shells and `env` say.
        json!([workspace.path("model.sh"), image]),
        json!(["/bin/sh", "-c", "exit 126", image]),
    ] {
        workspace.set_model("fake", "command", command.clone());
        let output = altfill(&workspace, &["run", "--json"]).run().counted();
        assert_eq!(output.code, Some(1), "{command}: {output}");
        output.says(&["fake", "can't be run", "command"]);
        assert_eq!(output.number("/model_calls"), 1, "{command}: {output}");
        assert_eq!(workspace.tries(), 0, "{command}");
        nothing_is_left(&workspace);
    }
}

#[test]
fn a_program_that_fails_on_everything_is_found_out_after_a_few_calls() {
    let (site, mut workspace) = library("echo 'torch is not installed' >&2; exit 1");
    workspace.set("run.concurrency", 2);
    site.add_many(12);
    workspace.list(&site);
    let output = altfill(&workspace, &["run", "--json"])
        .run()
        .expect(1)
        .counted();
    output.says(&["torch is not installed", "test image"]);
    assert!(output.number("/model_calls") <= 2 * 2 + 1, "{output}");
    assert_eq!(workspace.tries(), 0);
    nothing_is_left(&workspace);
}

#[test]
fn a_program_that_takes_too_long_is_killed_with_all_that_it_started() {
    // The first time only; a grandchild that ignores polite signals, too.
    let script = r#"
if mkdir "$3/once" 2>/dev/null; then
  (trap '' TERM HUP INT; sleep 600 & echo $! > "$3/grandchild"; echo "$1" > "$3/image"; wait) &
  wait
fi
echo "A quiet harbour at dawn.""#;
    let (site, mut workspace) = library(script);
    site.add_many(3);
    workspace.list(&site);
    workspace.set_model("fake", "limits", json!({"timeout": "8s"}));
    let output = altfill(&workspace, &["run", "--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), 3, "{output}");
    assert_eq!(workspace.tries(), 0);
    is_gone(&notes(&workspace, "grandchild"));
    assert!(!Path::new(notes(&workspace, "image").trim()).exists());
    let lost = workspace.rows("SELECT error FROM calls WHERE state = 'lost'");
    assert_eq!(lost.len(), 1);
    let error = lost[0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("longer than 8 s"), "{error}");
    nothing_is_left(&workspace);
}

const SLOW: &str = r#"
sleep 600 & echo $! > "$3/grandchild"
echo "$1" > "$3/image"
wait"#;

/// A run that tells what happens.
const FOLLOWED: [&str; 4] = ["run", "--json", "--events", "events.jsonl"];

/// Runs a program that sleeps, does something to altfill, and expects that
/// neither a process nor a photo is left.
fn ends_with_altfill(drain: &str, signals: &[Signal], code: i32) {
    let (site, mut workspace) = library(SLOW);
    site.add_many(4);
    workspace.list(&site);
    workspace.set("run.drain", drain);
    let mut running = altfill(&workspace, &FOLLOWED).spawn();
    assert!(running.until(|| notes(&workspace, "image").ends_with('\n')));
    let image = notes(&workspace, "image").trim().to_owned();
    assert!(Path::new(&image).exists());
    let asked = Instant::now();
    for signal in signals {
        running.signal(*signal);
        // Two equal signals are one until the first was taken.
        assert!(running.until(|| workspace.told("stopping")));
    }
    let output = running.wait().expect(code).counted();
    assert!(asked.elapsed() < Duration::from_secs(60), "{output}");
    is_gone(&notes(&workspace, "grandchild"));
    assert!(!Path::new(&image).exists(), "{output}");
    nothing_is_left(&workspace);
    assert_eq!(output.number("/failed"), 0, "{output}");
    assert_eq!(workspace.tries(), 0);
    let lost = workspace.rows("SELECT id FROM calls WHERE state IN ('lost', 'sent')");
    assert_eq!(lost.len(), 1, "{output}");
}

#[test]
fn stopping_altfill_stops_the_program_and_removes_its_photo() {
    ends_with_altfill("1s", &[Signal::SIGTERM], 143);
    ends_with_altfill("1s", &[Signal::SIGINT], 130);
}

/// Nobody can tidy up when killed; the next run does, and knows what is in use.
#[test]
fn the_photo_of_a_killed_run_is_removed_by_the_next_one() {
    let (site, workspace) = library(SLOW);
    site.add_many(1);
    workspace.list(&site);
    let mut running = altfill(&workspace, &["run"]).spawn();
    assert!(running.until(|| notes(&workspace, "image").ends_with('\n')));
    let image = notes(&workspace, "image").trim().to_owned();
    let _ = running.kill();
    let photo = std::fs::File::open(&image).expect("what a killed run leaves");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    photo.set_modified(long_ago).expect("our own file");
    workspace.write(
        "model.sh",
        "#!/bin/sh\necho A red boat lies on the wet sand.\n",
    );
    let _ = altfill(&workspace, &["run"]).run().expect(0);
    nothing_is_left(&workspace);
    let processes = notes(&workspace, "grandchild");
    let process = nix::unistd::Pid::from_raw(processes.trim().parse().expect("a number"));
    let _ = nix::sys::signal::kill(process, Signal::SIGKILL);
}

#[test]
fn a_second_signal_stops_the_program_at_once() {
    ends_with_altfill("10m", &[Signal::SIGTERM, Signal::SIGTERM], 143);
}

#[test]
fn a_caption_that_arrives_while_altfill_stops_is_kept() {
    let script = r#"
echo "$1" > "$3/image"
while ! [ -e "$3/go" ]; do sleep 0.05; done
echo "A quiet harbour at dawn.""#;
    let (site, workspace) = library(script);
    site.add_many(2);
    workspace.list(&site);
    let mut running = altfill(&workspace, &FOLLOWED).spawn();
    assert!(running.until(|| notes(&workspace, "image").ends_with('\n')));
    running.signal(Signal::SIGTERM);
    assert!(running.until(|| workspace.told("stopping")));
    workspace.write("notes/go", "");
    let output = running.wait().expect(143).counted();
    assert_eq!(output.number("/model_calls"), 1, "{output}");
    assert_eq!(output.number("/written"), 1, "{output}");
    let output = altfill(&workspace, &["run", "--json"]).run().expect(0);
    assert_eq!(output.number("/model_calls"), 1, "{output}");
    nothing_is_left(&workspace);
}

#[test]
fn programs_run_one_at_a_time_unless_the_entry_says_otherwise() {
    let script = r#"
mkdir "$3/running" 2>/dev/null || echo overlap >> "$3/overlap"
sleep 0.1
rmdir "$3/running" 2>/dev/null
echo "A quiet harbour at dawn.""#;
    let (site, workspace) = library(script);
    site.add_many(8);
    workspace.list(&site);
    let output = altfill(&workspace, &["run", "--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(output.number("/model_calls"), 8, "{output}");
    assert_eq!(notes(&workspace, "overlap"), "");
    // With two at a time, each waits until there is another.
    let script = r#"
echo x >> "$3/started"
turns=0
while [ $(wc -l < "$3/started") -lt 2 ]; do
  turns=$((turns + 1)); [ $turns -gt 600 ] && exit 1; sleep 0.05
done
echo "A quiet harbour at dawn.""#;
    let (site, mut workspace) = library(script);
    site.add_many(2);
    workspace.list(&site);
    workspace.set_model("fake", "limits", json!({"concurrency": 2}));
    let output = altfill(&workspace, &["run", "--json"])
        .run()
        .expect(0)
        .counted();
    assert_eq!(output.number("/written"), 2, "{output}");
}
