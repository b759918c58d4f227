//! A person at a terminal: the program on a pseudo-terminal of 80 columns, what
//! it shows, and what is typed.

use super::program::binary;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything on the screen may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program at work on a terminal; dropping it kills it.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts the program with these arguments and variables in a directory.
    pub(crate) fn start(
        directory: &std::path::Path,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        Self::of(Command::new(binary()), directory, args, variables)
    }

    /// The same for any program, such as a shell.
    pub(crate) fn of(
        mut command: Command,
        directory: &std::path::Path,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).expect("a pseudo-terminal can be opened");
        // No program that another test starts meanwhile may hold this terminal.
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("our own descriptor");
        }
        let seat = || pty.slave.try_clone().expect("a descriptor can be doubled");
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .current_dir(directory)
            .stdin(seat())
            .stdout(seat())
            .stderr(seat());
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = command.spawn().expect("the program starts");
        drop(command);
        drop(pty.slave);
        let keyboard = File::from(pty.master);
        let mut tube = keyboard.try_clone().expect("a descriptor can be doubled");
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal that nobody holds any more ends with an error.
            while let Ok(count @ 1..) = tube.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.push_str(&text);
            }
        });
        Self {
            child,
            keyboard,
            screen,
            reader,
        }
    }

    /// All that was shown so far, control sequences included.
    pub(crate) fn screen(&self) -> String {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.clone()
    }

    /// Waits until this was shown.
    pub(crate) fn shows(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.screen().contains(text) {
            assert!(
                Instant::now() < end,
                "the terminal should show {text:?}: {}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until this was asked, and until keys are read one by one: before that,
    /// Ctrl-C would be a signal to whoever the terminal belongs to.
    pub(crate) fn asks(&self, text: &str) {
        self.shows(text);
        let end = Instant::now() + PATIENCE;
        let by_lines = || {
            let state = tcgetattr(&self.keyboard).expect("a terminal");
            state.local_flags.contains(LocalFlags::ICANON)
        };
        while by_lines() {
            assert!(Instant::now() < end, "no key is read: {}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types something.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    /// Waits for the end and returns the exit code and the screen.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                // Its last words may not have been read yet.
                while !self.reader.is_finished() && Instant::now() < end {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return (status.code(), self.screen());
            }
            assert!(Instant::now() < end, "it does not end: {}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both can only fail when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
