//! Signals: the first asks the run to stop, the second ends it.

use crate::pipeline::{Stop, Why};
use tokio::signal::unix::{SignalKind, signal};
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
    tokio::spawn(async move {
        let mut count = 0;
        loop {
            let kind = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
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
