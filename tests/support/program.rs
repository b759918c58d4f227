//! Running the real altfill: with a clean environment, with a time limit, and
//! with signals at chosen moments.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a program may run unless a test says otherwise. Far above what any
/// test needs, because the machine may be busy with others.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a finished program left.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// All of stdout.
    pub(crate) stdout: String,
    /// All of stderr.
    pub(crate) stderr: String,
    /// How long it ran.
    pub(crate) took: Duration,
}

impl Output {
    /// stdout, which has to be exactly one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON value ({error}): {self}"))
    }

    /// The number at a JSON pointer of stdout, such as `/skipped/person`.
    pub(crate) fn number(&self, pointer: &str) -> u64 {
        let json = self.json();
        let value = json.pointer(pointer).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("no number at {pointer}: {self}"))
    }

    /// How the run ended, by its own summary.
    pub(crate) fn ended(&self) -> String {
        let json = self.json();
        let ended = json.get("ended").and_then(Value::as_str);
        ended
            .unwrap_or_else(|| panic!("no `ended`: {self}"))
            .to_owned()
    }

    /// Fails unless the program exited with this code.
    #[must_use]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "the exit code should be {code}: {self}"
        );
        self
    }

    /// Fails unless every photo is counted exactly once.
    #[must_use]
    pub(crate) fn counted(self) -> Self {
        let json = self.json();
        let skipped = json.get("skipped").and_then(Value::as_object);
        let skipped = skipped.unwrap_or_else(|| panic!("no `skipped`: {self}"));
        let skipped: u64 = skipped.values().filter_map(Value::as_u64).sum();
        let counts = [
            "written",
            "held",
            "failed",
            "conflict",
            "waiting",
            "not_reached",
        ];
        let others: u64 = counts
            .iter()
            .map(|key| self.number(&format!("/{key}")))
            .sum();
        assert_eq!(
            self.number("/seen"),
            skipped + others,
            "a photo is counted twice or never: {self}"
        );
        self
    }

    /// Fails unless stderr contains all of these, in any case of letters.
    pub(crate) fn says(&self, parts: &[&str]) {
        let said = self.stderr.to_lowercase();
        for part in parts {
            assert!(
                said.contains(&part.to_lowercase()),
                "stderr should say {part:?}: {self}"
            );
        }
        assert!(!said.contains("panicked"), "no message is a panic: {self}");
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            signal,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            f,
            "exit {code:?}, signal {signal:?}, {took:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---"
        )
    }
}

/// One call of the program, to be run or spawned.
pub(crate) struct Program {
    command: Command,
    patience: Duration,
    input: Option<String>,
}

impl Program {
    /// altfill with nothing in its environment but `PATH`, a home in the scratch
    /// directory, where it also starts, and a clock that shows UTC.
    pub(crate) fn new(home: &Path) -> Self {
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir(home);
        Self {
            command,
            patience: PATIENCE,
            input: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it as another account, which only root can do.
    #[must_use]
    pub(crate) fn user(mut self, user: u32) -> Self {
        std::os::unix::process::CommandExt::uid(&mut self.command, user);
        std::os::unix::process::CommandExt::gid(&mut self.command, user);
        self
    }

    /// Has a shell do something first and then become it.
    #[must_use]
    pub(crate) fn after(mut self, script: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{script}; exec \"$0\" \"$@\"")])
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear();
        for (name, value) in self.command.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        if let Some(directory) = self.command.get_current_dir() {
            shell.current_dir(directory);
        }
        self.command = shell;
        self
    }

    /// Removes a variable.
    #[must_use]
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Gives it this on standard input; otherwise there is nothing to read.
    #[must_use]
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Waits so long for it, not longer.
    #[must_use]
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts it.
    pub(crate) fn spawn(mut self) -> Running {
        let input = if self.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let mut child = self
            .command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        if let (Some(text), Some(mut pipe)) = (self.input, child.stdin.take()) {
            // A program that doesn't read its input is the test's business.
            std::thread::spawn(move || std::io::Write::write_all(&mut pipe, text.as_bytes()));
        }
        let stdout = child.stdout.take().map(collect).expect("stdout is a pipe");
        let stderr = child.stderr.take().map(collect).expect("stderr is a pipe");
        Running {
            child,
            pipes: Some((stdout, stderr)),
            started: Instant::now(),
            patience: self.patience,
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.spawn().wait()
    }
}

/// Cargo names the binary for tests and benchmarks; an example finds it beside
/// its own directory.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = option_env!("CARGO_BIN_EXE_altfill") {
        return PathBuf::from(path);
    }
    let own = std::env::current_exe().expect("a running program knows its file");
    let profile = own
        .ancestors()
        .nth(2)
        .expect("examples lie in the profile's directory");
    profile.join("altfill")
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What arrived before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A running program; dropping it kills it.
pub(crate) struct Running {
    child: Child,
    pipes: Option<(JoinHandle<String>, JoinHandle<String>)>,
    started: Instant,
    patience: Duration,
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; one that has ended already doesn't mind.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.has_ended() {
            return;
        }
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(id, signal).expect("our own child can be signalled");
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// Waits until something is so; `false` when the program ended before.
    pub(crate) fn until(&mut self, condition: impl Fn() -> bool) -> bool {
        let end = Instant::now() + self.patience;
        while !condition() {
            if self.has_ended() {
                return condition();
            }
            // Failing drops it, and dropping kills it.
            assert!(
                Instant::now() < end,
                "what the test waits for did not happen in {:?}",
                self.patience
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Ends it at once, as a power cut would, and returns what it said.
    pub(crate) fn kill(mut self) -> Output {
        self.signal(Signal::SIGKILL);
        self.wait()
    }

    /// Waits for its end; a program that outlasts the patience is killed and
    /// fails the test.
    pub(crate) fn wait(mut self) -> Output {
        let end = Instant::now() + self.patience;
        let mut late = false;
        while !self.has_ended() {
            if Instant::now() > end {
                late = true;
                self.signal(Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = self.started.elapsed();
        let status = self.child.wait().expect("our own child");
        let (stdout, stderr) = self.pipes.take().expect("taken only here");
        let output = Output {
            code: status.code(),
            signal: status.signal(),
            stdout: stdout.join().expect("reading a pipe doesn't panic"),
            stderr: stderr.join().expect("reading a pipe doesn't panic"),
            took,
        };
        assert!(
            !late,
            "the program did not end in {:?}: {output}",
            self.patience
        );
        output
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            // Both can only fail when it has ended by itself just now.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Whether another program is there. On a machine of one's own its absence is
/// said, past the capture of the test's output; in CI it is a failure.
pub(crate) fn there_is(program: &str, package: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    let found = found.expect("a shell").status.success();
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "{program} (package {package}) is needed"
        );
        let said = format!("NOT CHECKED: there is no {program} (package {package})\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
    }
    found
}
