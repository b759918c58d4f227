//! The real program as a process: started under limits, watched, and ended in
//! the way that chance chose.

use super::clock::Moment;
use super::support::program::binary;
use super::support::{MODEL_KEY, Workspace};
use super::world::Shared;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing that is asked of the program here takes a tenth of that.
const DEADLINE: Duration = Duration::from_secs(90);

/// How an execution ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Itself,
    /// Killed after a while.
    Kill(Duration),
    /// Killed by a request, see [`super::world::Trigger`].
    Triggered,
    /// Asked politely after a while, and perhaps a second time.
    Asked(Duration, Signal, Option<Duration>),
}

/// What an execution has to put up with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hardship {
    /// The largest file it may write, in blocks of 512 bytes.
    pub(crate) blocks: Option<u64>,
    /// What the clock says, as libfaketime reads it.
    pub(crate) clock: Option<String>,
    /// A second run is started so long after this one.
    pub(crate) twin: Option<Duration>,
    /// What of the state can't be written.
    pub(crate) read_only: Option<ReadOnly>,
    /// Words to put before the program, such as `strace` and its flags.
    pub(crate) under: Vec<String>,
}

/// What of the state can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOnly {
    /// The file itself, once there is one.
    File,
    /// Its folder: no log, no journal and no lock can be made in it.
    Folder,
}

/// What an execution left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Execution {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// All of stdout.
    pub(crate) stdout: String,
    /// All of stderr.
    pub(crate) stderr: String,
    /// It had to be killed because it did not end.
    pub(crate) hung: bool,
    /// From the first polite signal to the end.
    pub(crate) stopping: Option<Duration>,
    /// From the second one to the end.
    pub(crate) leaving: Option<Duration>,
    /// The exit code of a second run that began and ended while this one was on.
    pub(crate) twin: Option<i32>,
    /// What was to be read-only was there, and was.
    pub(crate) sealed: bool,
    /// Peak memory in KiB.
    pub(crate) peak_kib: u64,
    /// Most open descriptors seen.
    pub(crate) descriptors: usize,
}

/// The library that lets clocks jump, where it is installed.
pub(crate) fn clock_library() -> Option<&'static str> {
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib64/faketime/libfaketimeMT.so.1",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
}

/// Runs the program to its end.
pub(crate) fn execute(
    workspace: &Workspace,
    shared: &Shared,
    args: &[&str],
    end: End,
    hardship: &Hardship,
) -> Execution {
    let (out, err) = (workspace.path("stdout"), workspace.path("stderr"));
    let sealed = hardship
        .read_only
        .and_then(|what| Sealed::new(workspace, what));
    let mut command = command(hardship);
    surroundings(&mut command, workspace, shared, args);
    command
        .stdout(File::create(&out).expect("a file in the scratch directory"))
        .stderr(File::create(&err).expect("a file in the scratch directory"));
    if let (Some(clock), Some(library)) = (&hardship.clock, clock_library()) {
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME", clock)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
    let mut child = command.spawn().expect("the program starts");
    let process = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    {
        let mut world = shared.lock();
        world.process = Some(process);
        world.runs = true;
    }
    let twin = hardship.twin.map(|after| {
        under_way(&mut child, shared);
        std::thread::sleep(after);
        let code = twin(workspace, shared, args);
        (code, shared.lock().requests)
    });
    let mut execution = watch(&mut child, process, end, hardship);
    // What it asked for before and after shows that it was at work meanwhile.
    let both = twin.filter(|(_, until_then)| shared.lock().requests > *until_then);
    execution.twin = both.and_then(|(code, _)| code);
    execution.sealed = sealed.is_some();
    drop(sealed);
    {
        let mut world = shared.lock();
        world.process = None;
        world.runs = false;
    }
    let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    execution.stdout = read(&out);
    execution.stderr = read(&err);
    execution
}

/// What every execution finds.
fn surroundings(command: &mut Command, workspace: &Workspace, shared: &Shared, args: &[&str]) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", workspace.directory())
        .env("LANG", "C.UTF-8")
        .env("SITE_TOKEN", &shared.lock().token)
        .env("MODEL_KEY", MODEL_KEY)
        .current_dir(workspace.directory())
        .args(args)
        .stdin(Stdio::null());
}

/// Waits until the program asks for something, or is gone.
fn under_way(child: &mut Child, shared: &Shared) {
    let begun = Moment::now();
    while shared.lock().requests == 0
        && matches!(child.try_wait(), Ok(None))
        && begun.elapsed() < DEADLINE
    {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A second run beside the first one; gives its exit code.
fn twin(workspace: &Workspace, shared: &Shared, args: &[&str]) -> Option<i32> {
    let mut command = command(&Hardship::default());
    surroundings(&mut command, workspace, shared, args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the program starts").code()
}

fn command(hardship: &Hardship) -> Command {
    let mut words: Vec<String> = hardship.under.clone();
    if hardship.read_only.is_some() {
        words.extend(as_anybody().into_iter().flatten());
    }
    words.push(binary().display().to_string());
    let Some(blocks) = hardship.blocks else {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        return command;
    };
    // A write beyond the limit then fails instead of ending the process.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).args(words);
    command
}

/// Words that make permissions count for root too, who would else write anything;
/// none for anybody else. `None` where there is no `setpriv`.
fn as_anybody() -> Option<Vec<String>> {
    let user = fs::metadata("/proc/self").map(|own| own.uid());
    if !matches!(user, Ok(0)) {
        return Some(Vec::new());
    }
    let tool = Path::new("/usr/bin/setpriv");
    let less = "--bounding-set=-dac_override,-dac_read_search,-fowner";
    tool.exists()
        .then(|| vec![tool.display().to_string(), less.to_owned()])
}

/// A file or folder that nobody may write; it is given back when dropped.
struct Sealed(PathBuf, Permissions);

impl Sealed {
    /// `None` where there is nothing to seal, or no way to make root obey.
    fn new(workspace: &Workspace, what: ReadOnly) -> Option<Self> {
        as_anybody()?;
        let path = match what {
            ReadOnly::File => workspace.path("state/altfill.db"),
            ReadOnly::Folder => workspace.path("state"),
        };
        let before = fs::metadata(&path).ok()?.permissions();
        let mut after = before.clone();
        after.set_mode(before.mode() & !0o222);
        fs::set_permissions(&path, after).ok()?;
        Some(Self(path, before))
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        fs::set_permissions(&self.0, self.1.clone()).expect("a file in the scratch directory");
    }
}

/// The program itself: where another one was put before it, that one's child,
/// once there is one. Killing only the tracer would set the program free.
fn program(process: Pid, hardship: &Hardship) -> Option<Pid> {
    if hardship.under.is_empty() {
        return Some(process);
    }
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let first: i32 = children.ok()?.split(' ').next()?.parse().ok()?;
    Some(Pid::from_raw(first))
}

fn watch(child: &mut Child, process: Pid, end: End, hardship: &Hardship) -> Execution {
    let (started, patience) = (Instant::now(), Moment::now());
    let mut execution = Execution::default();
    let (mut first, mut second) = (None, None);
    let mut looks = 0_u32;
    loop {
        if let Some(status) = child.try_wait().expect("our own child") {
            execution.code = status.code();
            execution.signal = status.signal();
            execution.stopping = first.map(|at: Moment| at.elapsed());
            execution.leaving = second.map(|at: Moment| at.elapsed());
            return execution;
        }
        let elapsed = started.elapsed();
        // One that has ended by itself just now doesn't mind.
        let send = |signal| {
            if let Some(program) = program(process, hardship) {
                let _ = kill(program, signal);
            }
        };
        match end {
            End::Kill(after) if elapsed >= after => send(Signal::SIGKILL),
            End::Asked(after, signal, _) if elapsed >= after && first.is_none() => {
                send(signal);
                first = Some(Moment::now());
            }
            End::Asked(after, signal, Some(again))
                if elapsed >= after + again && second.is_none() =>
            {
                send(signal);
                second = Some(Moment::now());
            }
            _ => {}
        }
        if patience.elapsed() > DEADLINE {
            execution.hung = true;
            send(Signal::SIGKILL);
        }
        if looks.is_multiple_of(16) {
            let program = program(process, hardship).unwrap_or(process);
            look(program, &mut execution);
        }
        looks += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Memory and descriptors, as far as `/proc` tells. Until the program is loaded,
/// the process still has those of whoever started it.
fn look(process: Pid, execution: &mut Execution) {
    let running = fs::read_link(format!("/proc/{process}/exe"));
    if !running.is_ok_and(|path| path.file_name() == binary().file_name()) {
        return;
    }
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    execution.peak_kib = execution.peak_kib.max(peak.unwrap_or(0));
    let open = fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
    execution.descriptors = execution.descriptors.max(open);
}
