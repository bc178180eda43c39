//! Exit codes, the same for all commands.

use std::process::ExitCode;
use tapo_inspect::Verdict;

/// How a command ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Fine.
    Fine = 0,
    /// A file could not be read or written, or tapo has a bug.
    Failed = 1,
    /// The call was wrong.
    Usage = 2,
    /// Damaged, but it plays; recovered in part.
    Damaged = 3,
    /// Does not play, can be repaired.
    Repairable = 4,
    /// Cannot be repaired; nothing recovered.
    Beyond = 5,
    /// Not an MP4.
    NotMp4 = 6,
    /// Refused: it would endanger data.
    Refused = 7,
    /// Ended by Ctrl-C, as shells have it: 128 and the number of the signal.
    Interrupted = 130,
}

impl Exit {
    /// That of two files together: the end that was asked for first, wrong calls,
    /// failures, then the worse of the two.
    pub(crate) fn and(self, other: Self) -> Self {
        let weight = |exit: Self| match exit {
            Self::Usage => 9,
            Self::Failed => 8,
            other => other as u8,
        };
        if weight(other) > weight(self) {
            other
        } else {
            self
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Sound => Self::Fine,
            Verdict::Damaged => Self::Damaged,
            Verdict::Repairable => Self::Repairable,
            Verdict::Beyond => Self::Beyond,
            Verdict::NotMp4 => Self::NotMp4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn over_many_files_failures_outrank_verdicts() {
        let all = |exits: &[Exit]| exits.iter().fold(Exit::Fine, |a, b| a.and(*b));
        assert_eq!(all(&[]), Exit::Fine);
        assert_eq!(
            all(&[Exit::Damaged, Exit::NotMp4, Exit::Repairable]),
            Exit::NotMp4
        );
        assert_eq!(
            all(&[Exit::NotMp4, Exit::Failed, Exit::Refused]),
            Exit::Failed
        );
        assert_eq!(all(&[Exit::Failed, Exit::Usage]), Exit::Usage);
        assert_eq!(all(&[Exit::Interrupted, Exit::Usage]), Exit::Interrupted);
    }
}
