//! Why the process stops: start-up failures and their exit codes.
//!
//! Nothing here is about a query; what goes wrong with one is a value of the step it happens in.
//! The numbers are those of `sysexits.h`, which service managers and scripts know.

use std::fmt;

/// A failure that ends the process, with the code it exits with.
#[derive(Debug)]
pub struct Failure {
    /// What to tell the service manager.
    pub code: ExitCode,
    /// One or more lines for a person: what is wrong, where, and what would be right.
    pub message: String,
}

/// Documented exit codes, from `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// An audit found what it was told to fail on. No number of `sysexits.h`: linters end so.
    Findings = 1,
    /// The command line is wrong (`EX_USAGE`).
    Usage = 64,
    /// A file holds something else than it should (`EX_DATAERR`).
    Data = 65,
    /// A file or address the command needs cannot be had (`EX_NOINPUT`).
    NoInput = 66,
    /// A service this one stands on is not there (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// An error in nodens itself (`EX_SOFTWARE`).
    Software = 70,
    /// The kernel refused something: a socket, a thread, a descriptor (`EX_OSERR`).
    System = 71,
    /// A file could not be written (`EX_IOERR`).
    InputOutput = 74,
    /// The kernel forbids it: a low port, a foreign address (`EX_NOPERM`).
    NoPermission = 77,
    /// The configuration is wrong (`EX_CONFIG`).
    Config = 78,
}

impl ExitCode {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Findings,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Unavailable,
        Self::Software,
        Self::System,
        Self::InputOutput,
        Self::NoPermission,
        Self::Config,
    ];

    /// The code of that number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as i32 == number)
    }

    /// What it says to a person, for the manual page.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Findings => "An audit found what it was told to fail on.",
            Self::Usage => "The command line is wrong.",
            Self::Data => "A file holds something else than it should.",
            Self::NoInput => "A file or an address that the command needs cannot be had.",
            Self::Unavailable => "A service this one stands on is not there.",
            Self::Software => "An error in nodens itself.",
            Self::System => "The kernel refused something: a socket, a thread, a descriptor.",
            Self::InputOutput => "A file could not be written.",
            Self::NoPermission => "The kernel forbids it: a low port, a foreign address.",
            Self::Config => "The configuration is wrong.",
        }
    }
}

impl Failure {
    /// A failure with its code and what to tell a person.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// All mistakes of a configuration, one a line.
    pub fn of_mistakes<T: fmt::Display>(mistakes: &[T]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Self::new(ExitCode::Config, lines.join("\n"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
