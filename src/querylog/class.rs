//! Which answers are wanted.

use crate::config::QueryClass;
use crate::metrics::Source;
use crate::wire::{flag, header, rcode, u16_at};

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u8);

impl Classes {
    /// Everything.
    pub const ALL: Self = Self(1);
    /// NOERROR with records.
    const SUCCESS: Self = Self(2);
    /// NXDOMAIN or NODATA.
    const DENIAL: Self = Self(4);
    /// Any other code.
    const ERROR: Self = Self(8);
    /// A server had to be asked.
    const EXTERNAL: Self = Self(16);
    /// Not what servers say.
    const BLOCKED: Self = Self(32);
    /// No server gave an answer.
    const FAILURE: Self = Self(64);

    /// Those that an operator lists.
    #[must_use]
    pub fn of(classes: &[QueryClass]) -> Self {
        let bit = |class: &QueryClass| match class {
            QueryClass::All => Self::ALL,
            QueryClass::Success => Self::SUCCESS,
            QueryClass::Denial => Self::DENIAL,
            QueryClass::Error => Self::ERROR,
            QueryClass::External => Self::EXTERNAL,
            QueryClass::Blocked => Self::BLOCKED,
            QueryClass::Failure => Self::FAILURE,
        };
        Self(classes.iter().map(|class| bit(class).0).fold(0, |all, bit| all | bit))
    }

    /// Those that an answer belongs to.
    #[must_use]
    pub fn of_answer(message: &[u8], rcode: u16, source: Source, is_withheld: bool) -> Self {
        // CoreDNS counts a truncated answer without records as a success, too: it is no denial.
        let is_empty = u16_at(message, header::COUNTS[1]).unwrap_or(0) == 0 && header::flags(message) & flag::TC == 0;
        let kind = match rcode {
            rcode::NXDOMAIN => Self::DENIAL,
            rcode::NOERROR if is_empty => Self::DENIAL,
            rcode::NOERROR => Self::SUCCESS,
            _ => Self::ERROR,
        };
        let external = if source == Source::Forward { Self::EXTERNAL.0 } else { 0 };
        let blocked = if is_withheld { Self::BLOCKED.0 } else { 0 };
        // What is known to fail is no news, and what is withheld has not failed.
        let has_failed = rcode == rcode::SERVFAIL && source == Source::Policy && !is_withheld;
        let failure = if has_failed { Self::FAILURE.0 } else { 0 };
        Self(Self::ALL.0 | kind.0 | external | blocked | failure)
    }

    /// Whether failures are among both.
    #[must_use]
    pub const fn has_failures(self, other: Self) -> bool {
        self.0 & other.0 & Self::FAILURE.0 != 0
    }

    /// These but failures: those of lines that tell of an answer.
    #[must_use]
    pub const fn of_answers(self) -> Self {
        Self(self.0 & !Self::FAILURE.0)
    }

    /// Whether one of these is in both.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_belongs_to_all_the_classes_that_fit() {
        let with = b"\0\0\x81\x80\0\x01\0\x01\0\0\0\0";
        let without = b"\0\0\x81\x80\0\x01\0\0\0\0\0\0";
        let truncated = b"\0\0\x83\x80\0\x01\0\0\0\0\0\0";
        let wanted = |class| Classes::of(&[class]);
        for (message, rcode, source, withheld, classes) in [
            (with, 0, Source::CacheSuccess, false, vec![QueryClass::Success]),
            (with, 0, Source::Forward, false, vec![QueryClass::Success, QueryClass::External]),
            (without, 0, Source::CacheDenial, false, vec![QueryClass::Denial]),
            (truncated, 0, Source::CacheSuccess, false, vec![QueryClass::Success]),
            (without, 3, Source::Forward, false, vec![QueryClass::Denial, QueryClass::External]),
            (without, 2, Source::Policy, false, vec![QueryClass::Error, QueryClass::Failure]),
            (without, 2, Source::CacheFailure, false, vec![QueryClass::Error]),
            (without, 2, Source::Forward, false, vec![QueryClass::Error, QueryClass::External]),
            (without, 3, Source::Policy, true, vec![QueryClass::Denial, QueryClass::Blocked]),
        ] {
            let classes = [vec![QueryClass::All], classes].concat();
            let of = Classes::of_answer(message, rcode, source, withheld);
            for class in [
                QueryClass::All,
                QueryClass::Success,
                QueryClass::Denial,
                QueryClass::Error,
                QueryClass::External,
                QueryClass::Blocked,
                QueryClass::Failure,
            ] {
                assert_eq!(wanted(class).has(of), classes.contains(&class), "{class:?} of rcode {rcode}, {source:?}");
            }
        }
        assert!(!Classes::of(&[]).has(Classes::of_answer(with, 0, Source::Forward, true)));
    }
}
