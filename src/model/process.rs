//! Running one local program to its end, or ending it: its own process group,
//! no input, capped output, nothing left behind.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

/// The longest output that is taken; a caption has a few hundred bytes.
const LONGEST_OUTPUT: usize = 1024 * 1024;

/// How much of the error output is kept, from its end: that is where programs
/// say what went wrong, after their progress bars.
const LONGEST_ERRORS: usize = 16 * 1024;

/// How long the pipes may stay open once the program itself has ended: a child
/// in the background may still hold them.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a program ended that did end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The exit code, unless a signal ended it.
    pub(super) exit: Option<i32>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// What it wrote, as text.
    pub(super) stdout: String,
    /// The end of what it wrote to its error output.
    pub(super) stderr: String,
    /// Whether it wrote more than is taken, and was ended for it.
    pub(super) overflowed: bool,
}

/// Why there is no ending.
#[derive(Debug)]
pub(super) enum Failed {
    /// It could not be started.
    Start(io::Error),
    /// It took too long and was killed, with all that it had started.
    TooSlow,
}

/// What a program's environment has more or less than our own.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Variables that it does not get.
    pub(super) withheld: Vec<String>,
    /// A variable that it does get, whether we have it in our environment or
    /// from somewhere else.
    pub(super) key: Option<(String, SecretString)>,
}

/// The process group of a running program: killed as a whole when this is
/// dropped, unless the program has ended by then.
struct Group(Option<Pid>);

impl Group {
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended by itself just now, which is as good.
            killpg(group, Signal::SIGKILL).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs `program` with exactly these arguments, through no shell. When the
/// future is dropped, the program and all that it started are killed.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    surroundings: &Surroundings,
    timeout: Duration,
) -> Result<Ended, Failed> {
    let mut command = Command::new(program);
    for name in &surroundings.withheld {
        command.env_remove(name);
    }
    if let Some((name, key)) = &surroundings.key {
        command.env(name, key.expose_secret());
    }
    let mut child = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(Failed::Start)?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok());
    // Declared after the child and so dropped before it: while the leader is
    // not reaped, its number can't belong to anybody else.
    let mut group = Group(leader.map(Pid::from_raw));
    let ended = tokio::time::timeout(timeout, finish(&mut child, &mut group)).await;
    if let Ok(ended) = ended {
        return ended.map_err(Failed::Start);
    }
    group.kill();
    child.wait().await.ok();
    Err(Failed::TooSlow)
}

async fn finish(child: &mut Child, group: &mut Group) -> io::Result<Ended> {
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let overflowed = AtomicBool::new(false);
    let too_much = Notify::new();
    let status = {
        let reading = async {
            if !read_all(stdout, &mut output).await {
                overflowed.store(true, Ordering::Relaxed);
                too_much.notify_one();
            }
        };
        let mut pipes = Box::pin(async {
            tokio::join!(reading, read_end(stderr, &mut errors));
        });
        let mut open = true;
        let status = loop {
            tokio::select! {
                () = &mut pipes, if open => open = false,
                // Its error output may stay open, so this doesn't wait for it.
                () = too_much.notified() => group.kill(),
                status = child.wait() => break status?,
            }
        };
        if open && tokio::time::timeout(LAST_WORDS, &mut pipes).await.is_err() {
            // Somebody of the group still holds them, so it still exists.
            group.kill();
        }
        status
    };
    // The leader is reaped; from here its number may be somebody else's.
    group.0 = None;
    Ok(Ended {
        exit: status.code(),
        signal: status.signal(),
        stdout: text(output),
        stderr: text(errors),
        overflowed: overflowed.into_inner(),
    })
}

/// Reads to the end, or until it is too much: then `false`.
async fn read_all(mut pipe: impl AsyncRead + Unpin, into: &mut Vec<u8>) -> bool {
    let mut chunk = vec![0; 8192];
    loop {
        match pipe.read(&mut chunk).await {
            Ok(0) | Err(_) => return true,
            Ok(read) if into.len() + read > LONGEST_OUTPUT => return false,
            Ok(read) => into.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Reads to the end and keeps the last part.
async fn read_end(mut pipe: impl AsyncRead + Unpin, into: &mut Vec<u8>) {
    let mut chunk = vec![0; 8192];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        into.extend_from_slice(&chunk[..read]);
        if into.len() > LONGEST_ERRORS {
            into.drain(..into.len() - LONGEST_ERRORS);
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.as_bytes();
        String::from_utf8_lossy(bytes).into_owned()
    })
}
