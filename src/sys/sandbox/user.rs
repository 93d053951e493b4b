//! Who the process is: another user than root, and in no group but that user's own.

use nix::unistd::{self, Gid, Uid, geteuid, setgroups, setresgid, setresuid};

use super::capabilities;
use crate::error::{ExitCode, Failure};

/// The user that is taken if there is one and nothing else is said.
pub const NAME: &str = "nodens";

/// The number that is taken otherwise: "nonroot" of the images that have no users at all. It owns no file on any usual system.
pub const NONROOT: u32 = 65_532;

/// A user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
}

/// The number of the user that this process acts as.
#[must_use]
pub fn now() -> u32 {
    geteuid().as_raw()
}

impl User {
    /// The user that `sandbox.user` means: a name, a number, or the default if it is empty. `None` is root, who stays it.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn named(text: &str) -> Result<Option<Self>, Failure> {
        if text.is_empty() {
            let known = unistd::User::from_name(NAME).ok().flatten();
            return Ok(Some(known.map_or(Self { uid: NONROOT, gid: NONROOT }, |user| Self::from(&user))));
        }
        let known = match text.parse::<u32>() {
            Ok(uid) => {
                let known = unistd::User::from_uid(Uid::from_raw(uid)).ok().flatten();
                Some(known.map_or(Self { uid, gid: uid }, |user| Self::from(&user)))
            }
            Err(_) => unistd::User::from_name(text).ok().flatten().map(|user| Self::from(&user)),
        };
        match known {
            Some(Self { uid: 0, .. }) => Ok(None),
            Some(user) => Ok(Some(user)),
            None => {
                let text = format!(
                    "sandbox.user: there is no user {text:?}; create it (`useradd --system {text}`), or give a number"
                );
                Err(Failure::new(ExitCode::Config, text))
            }
        }
    }

    /// Becomes this user, for ever; why not, if nobody asked for it and root of this container may not.
    pub(super) fn become_it(self, asked: bool) -> Result<Option<String>, Failure> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        // The groups go first: without the user's privilege they could not.
        let outcome = setgroups(&[]).and_then(|()| setresgid(gid, gid, gid)).and_then(|()| setresuid(uid, uid, uid));
        match outcome {
            Ok(()) => Ok(None),
            Err(error) if !asked => Ok(Some(format!(
                "the user stays root: {error}; give it the capabilities SETUID and SETGID (it has {}), or start it as another user",
                capabilities::names()
            ))),
            Err(error) => {
                let text = format!(
                    "sandbox.user: cannot become the user {}: {error}; it takes CAP_SETUID and CAP_SETGID",
                    self.uid
                );
                Err(Failure::new(ExitCode::NoPermission, text))
            }
        }
    }
}

impl From<&unistd::User> for User {
    fn from(user: &unistd::User) -> Self {
        Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }
    }
}
