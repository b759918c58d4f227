//! Exit codes: the one place that knows them.

use crate::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::pipeline::{ChainError, Finished, RunError, Why};
use std::process::ExitCode;

/// How the program ends. `README.md` lists these for people who write scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done. Held drafts are no failure.
    Done,
    /// It could not run, or a key is bad.
    Stopped,
    /// The command line or the settings are wrong.
    Usage,
    /// Done, but some photos failed.
    SomeFailed,
    /// Stopped early on purpose: run again later.
    Early,
    /// Another run holds the state.
    Locked,
    /// A signal, by its number.
    Signal(i32),
}

impl Exit {
    pub(super) fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// The number that scripts see.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Stopped => 1,
            Self::Usage => 2,
            Self::SomeFailed => 3,
            Self::Early => 4,
            Self::Locked => 5,
            Self::Signal(number) => 128_u8.saturating_add(u8::try_from(number).unwrap_or(u8::MAX)),
        }
    }

    /// The exit of a run that began. If several apply, the signal goes first,
    /// then what made going on impossible, then the early stop.
    pub(super) fn of(finished: &Finished) -> Self {
        match &finished.why {
            Some(Why::Signal(number)) => Self::Signal(*number),
            Some(Why::Fatal(_)) => Self::Stopped,
            Some(Why::Early(_)) => Self::Early,
            Some(Why::Limit) | None if finished.summary.failed > 0 => Self::SomeFailed,
            Some(Why::Limit) | None => Self::Done,
        }
    }

    /// The exit of what could not begin.
    pub(super) fn of_error(error: &anyhow::Error) -> Self {
        let state = error.downcast_ref::<CheckpointError>().or_else(|| {
            error
                .downcast_ref::<RunError>()
                .map(|RunError::Checkpoint(state)| state)
        });
        if let Some(CheckpointError::Locked(_)) = state {
            return Self::Locked;
        }
        let usage = error.is::<ConfigError>() || error.is::<ChainError>() || error.is::<Usage>();
        if usage { Self::Usage } else { Self::Stopped }
    }
}

/// A command line that can't be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Usage {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Usage {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_and_locks_have_their_own_codes() {
        assert_eq!(Exit::Signal(2).code(), ExitCode::from(130));
        assert_eq!(Exit::Signal(15).code(), ExitCode::from(143));
        let locked = anyhow::Error::from(CheckpointError::Locked("x".into()));
        assert_eq!(Exit::of_error(&locked), Exit::Locked);
        let wrapped = anyhow::Error::from(RunError::from(CheckpointError::Locked("x".into())));
        assert_eq!(Exit::of_error(&wrapped), Exit::Locked);
        assert_eq!(Exit::of_error(&Usage::new("a", "b").into()), Exit::Usage);
        assert_eq!(Exit::of_error(&anyhow::anyhow!("other")), Exit::Stopped);
    }
}
