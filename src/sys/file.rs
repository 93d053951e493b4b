//! Files that the daemon writes for itself: nobody else reads them, and what somebody else could have written is not read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::geteuid;

/// Bits of the mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Reads a whole file that nobody but this user and root can have written, not through a link.
///
/// # Errors
///
/// As the kernel says; and where the file is not one of those, or longer than `limit` bytes, with that as the reason.
pub fn read_own(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    let reason = if !about.is_file() {
        "it is no file".to_owned()
    } else if about.uid() != 0 && about.uid() != geteuid().as_raw() {
        format!("it belongs to the user {}", about.uid())
    } else if about.mode() & WRITABLE_BY_OTHERS != 0 {
        format!("others may write to it (mode {:04o})", about.mode() & 0o7777)
    } else if about.len() > limit {
        format!("it has {} bytes, and at most {limit} are read", about.len())
    } else {
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        return Ok(bytes);
    };
    Err(io::Error::other(reason))
}

/// Reads a file that another process may read at the same time, from its beginning, as [`in_memory`] makes them.
///
/// # Errors
///
/// As the kernel says; and where it is longer than `limit` bytes.
pub fn read_shared(mut file: File, limit: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    if length > limit {
        return Err(io::Error::other(format!("it has {length} bytes, and at most {limit} are read")));
    }
    // Whoever reads it later starts at the beginning, too: the place is the file's, not the descriptor's.
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file that has no name and is gone with its last descriptor (`memfd_create(2)`).
///
/// # Errors
///
/// When the process may have no more descriptors.
pub fn in_memory() -> io::Result<File> {
    Ok(memfd_create(c"nodens", MFdFlags::MFD_CLOEXEC)?.into())
}

/// Takes a file away, unless somebody already has.
///
/// # Errors
///
/// As the kernel says.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Puts what `write` writes in the place of the file, at once and whole, readable by this user alone. If anything fails, the file stays as it was.
///
/// # Errors
///
/// As the kernel or `write` says.
pub fn replace<T>(path: &Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let temporary = temporary(path);
    // One of a process that was killed while it wrote; O_EXCL below follows no link and takes no file that is somebody else's.
    remove(&temporary)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let outcome = write(&mut file).and_then(|written| {
        // Before it has its name: after a power failure the name must not stand for an empty file.
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(written)
    });
    if outcome.is_err() {
        // It is of no use; that it cannot be removed either says nothing new.
        let _ = fs::remove_file(&temporary);
    }
    outcome
}

/// Where a file is written before it takes the place of the one before.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// Writes `text` in the place of the file.
    fn put(path: &Path, text: &str) -> io::Result<()> {
        replace(path, |file| file.write_all(text.as_bytes()))
    }

    /// Why a file is not read.
    fn reason(path: &Path, limit: u64) -> String {
        read_own(path, limit).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        put(&file, "first").unwrap();
        put(&file, "second").unwrap();
        let failed = replace(&file, |file| -> io::Result<()> {
            file.write_all(b"third")?;
            Err(io::Error::other("no"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(read_own(&file, 6).unwrap(), b"second");
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["a"], "nothing else is left");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn what_lies_at_the_name_of_the_temporary_file_is_neither_written_to_nor_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a"), folder.path().join("other"));
        fs::write(&other, "precious").unwrap();
        symlink(&other, folder.path().join("a.new")).unwrap();
        put(&file, "text").unwrap();
        assert_eq!((read_own(&file, 9).unwrap(), fs::read(&other).unwrap()), (b"text".to_vec(), b"precious".to_vec()));
        fs::create_dir(folder.path().join("a.new")).unwrap();
        assert!(put(&file, "new").is_err());
        assert_eq!(read_own(&file, 9).unwrap(), b"text");
    }

    #[test]
    fn what_others_could_have_written_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        put(&path("a"), "text").unwrap();
        assert_eq!(reason(&path("a"), 3), "it has 4 bytes, and at most 3 are read");
        fs::set_permissions(path("a"), fs::Permissions::from_mode(0o620)).unwrap();
        assert_eq!(reason(&path("a"), 9), "others may write to it (mode 0620)");
        symlink(path("a"), path("link")).unwrap();
        assert!(read_own(&path("link"), 9).is_err());
        assert_eq!(reason(folder.path(), 9), "it is no file");
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(reason(&path("pipe"), 9), "it is no file");
        assert_eq!(read_own(&path("nothing"), 9).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_of_another_user_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        put(&file, "text").unwrap();
        if std::os::unix::fs::chown(&file, Some(12_345), None).is_ok() {
            assert_eq!(reason(&file, 9), "it belongs to the user 12345");
        }
    }
}
