//! Signals: the first asks the run to stop, the second ends it.

use crate::pipeline::{Stop, Why};
use nix::sys::signal::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens until the process ends. The second signal cancels `leave` as well, for
/// whatever is left to do after the run.
pub(super) fn listen(stop: Stop, leave: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers a signal ends the process at once, which the
        // checkpoint survives as well.
        return;
    };
    let mut hangup = hangup();
    tokio::spawn(async move {
        let mut count = 0;
        loop {
            let kind = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
                () = next(hangup.as_mut()) => SignalKind::hangup(),
            };
            count += 1;
            stop.ask(Why::Signal(kind.as_raw_value()));
            if count > 1 {
                stop.now();
                leave.cancel();
            }
        }
    });
}

/// Has a write that makes a file larger than `ulimit -f` allows fail as on a full
/// disk, instead of ending the process. To be called where the runtime is.
pub(super) fn outlive_large_files() {
    // The handler stays when the stream goes. Where there can be none, the
    // checkpoint survives the end as well.
    let _ = signal(SignalKind::from_raw(Number::SIGXFSZ as i32));
}

/// A terminal that is closed, unless whoever started us had that ignored (nohup).
fn hangup() -> Option<Signal> {
    if ignores(Number::SIGHUP) {
        return None;
    }
    signal(SignalKind::hangup()).ok()
}

async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process ignores a signal; where nobody tells, it does not.
fn ignores(signal: Number) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_in_mask(&status, signal)
}

fn is_in_mask(status: &str, signal: Number) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_found_in_what_the_system_tells() {
        let status = |mask: &str| format!("Name:\taltfill\nSigBlk:\t1\nSigIgn:\t{mask}\n");
        let hangup = |text: &str| is_in_mask(text, Number::SIGHUP);
        assert!(hangup(&status("0000000000001001")));
        assert!(!hangup(&status("0000000000001000")));
        assert!(!hangup("") && !hangup(&status("what")));
    }
}
