//! Which files have changed: inotify, or looking every few seconds where there is none.
//!
//! What tells a change is a file's [`Stamp`]; an event of the kernel only says when to look. Watched are the file itself, which a container's
//! bind mount shows without its folder, and each folder that holds the file or a symbolic link on the way to it: editors put a new file in
//! place of the old one, Kubernetes swaps the link `..data` in the folder of a ConfigMap, and resolv.conf may be a link into /run.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// How long files must stay as they are before a change is told: whoever writes one in two steps is given the time to finish.
const SETTLE: Duration = Duration::from_millis(500);

/// Most times that this is waited for, so that a file which never rests is looked at all the same.
const MOST_SETTLES: usize = 6;

/// How often to look without inotify.
const POLL: Duration = Duration::from_secs(5);

/// How often to look although inotify tells: some file systems, and mounts over a folder, change without a word.
const BACKSTOP: Duration = Duration::from_secs(10);

/// Symbolic links followed on the way to one file, as many as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Names of a folder that are looked at. More files than that in one folder are no configuration.
const MOST_ENTRIES: usize = 4_096;

/// Watches at a time. A configuration may name thousands of files; those beyond are looked at every [`POLL`].
const MOST_WATCHES: usize = 256;

/// The state of a file by which a change is seen; of one that is not there, that it is not; of a folder, the names in it, since which of its files
/// are read may depend on them alone. Pipes and devices never change: reading them does that already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<[i128; 5]>);

impl Stamp {
    /// The file's state now. Links are followed.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let state = |at: fs::Metadata| {
            // The time of the last change of the inode, too: a file that may not be read becomes one that may.
            let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
            [
                at.dev().into(),
                at.ino().into(),
                at.size().into(),
                nanoseconds(at.mtime(), at.mtime_nsec()),
                nanoseconds(at.ctime(), at.ctime_nsec()),
            ]
        };
        let Ok(at) = fs::metadata(path) else { return Self(None) };
        if at.is_dir() {
            return Self(names(path));
        }
        Self(Some(at).filter(fs::Metadata::is_file).map(state))
    }
}

/// A file, as it is now.
pub fn stamped(path: impl Into<PathBuf>) -> (PathBuf, Stamp) {
    let path = path.into();
    let stamp = Stamp::of(&path);
    (path, stamp)
}

/// The names in a folder, as their number and a sum. What begins with two dots is left out: Kubernetes puts versions of a volume there, each under
/// another name, and files that lead into them have stamps of their own. `None` if it cannot be read.
fn names(folder: &Path) -> Option<[i128; 5]> {
    let (mut count, mut sum) = (0, 0_u64);
    for entry in fs::read_dir(folder).ok()?.flatten().take(MOST_ENTRIES) {
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(b"..") {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            // Names come in no order.
            sum = sum.wrapping_add(hasher.finish());
            count += 1;
        }
    }
    Some([0, 0, count, sum.into(), 0])
}

/// Watches a set of files.
#[derive(Debug)]
pub struct Watch {
    /// The kernel's messages; `None` where there are none.
    inotify: Option<AsyncFd<Notifier>>,
    /// Why changes are looked for every [`POLL`], if they are.
    polling: Option<io::Error>,
    /// Whether somebody was told so.
    told: bool,
    /// What the kernel watches.
    watches: Vec<WatchDescriptor>,
    /// The files, each as it was seen last.
    files: Vec<(PathBuf, Stamp)>,
}

/// inotify's descriptor in the form that the event loop takes.
#[derive(Debug)]
struct Notifier(Inotify);

impl AsRawFd for Notifier {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// inotify, within an event loop.
#[expect(unsafe_code, reason = "AsyncFd cannot know that the descriptor stays inotify's own")]
fn notifier() -> io::Result<AsyncFd<Notifier>> {
    let notifier = Notifier(Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?);
    // SAFETY: the `Inotify` owns an open descriptor, which is always the same and closed only when it is dropped; `AsyncFd` owns the
    // `Inotify`, and nothing here replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(notifier, Interest::READABLE) }?)
}

impl Watch {
    /// Watches nothing yet. Must be made within an event loop.
    #[must_use]
    pub fn new() -> Self {
        match notifier() {
            Ok(inotify) => Self { inotify: Some(inotify), ..Self::without_inotify(None) },
            Err(error) => Self::without_inotify(Some(error)),
        }
    }

    /// Looks every [`POLL`], for `reason`.
    fn without_inotify(reason: Option<io::Error>) -> Self {
        Self { inotify: None, polling: reason, told: false, watches: Vec::new(), files: Vec::new() }
    }

    /// Watches these files instead of those before; a change since their stamps were taken is told at once.
    pub fn follow(&mut self, files: Vec<(PathBuf, Stamp)>) {
        self.files = files;
        self.arm();
    }

    /// Takes the files as they are now for seen.
    pub fn look(&mut self) {
        for (path, stamp) in &mut self.files {
            *stamp = Stamp::of(path);
        }
    }

    /// Why changes are looked for every few seconds only, if that is so; told once.
    pub fn fallback(&mut self) -> Option<&io::Error> {
        if std::mem::replace(&mut self.told, self.polling.is_some()) { None } else { self.polling.as_ref() }
    }

    /// Waits until a file is another than when it was seen last, and has come to rest. May be dropped at any time.
    pub async fn changed(&mut self) {
        loop {
            // The folder that a link led to may be gone, and another be there. First watched, then looked at: nothing slips through.
            self.arm();
            let mut now = self.stamps();
            if self.files.iter().map(|(_, seen)| seen).ne(&now) {
                for _ in 0..MOST_SETTLES {
                    sleep(SETTLE).await;
                    let before = std::mem::replace(&mut now, self.stamps());
                    if before == now {
                        break;
                    }
                }
                // A file that is again what it was is no news.
                if self.files.iter().map(|(_, seen)| seen).ne(&now) {
                    self.files.iter_mut().zip(now).for_each(|((_, seen), now)| *seen = now);
                    return;
                }
            }
            self.wait().await;
        }
    }

    /// All files' stamps now.
    fn stamps(&self) -> Vec<Stamp> {
        self.files.iter().map(|(path, _)| Stamp::of(path)).collect()
    }

    /// Waits until it is worth looking.
    async fn wait(&self) {
        let Some(inotify) = &self.inotify else { return sleep(POLL).await };
        let event = async {
            if let Ok(mut ready) = inotify.readable().await {
                while inotify.get_ref().0.read_events().is_ok() {}
                ready.clear_ready();
            }
        };
        tokio::select! {
            () = event => {}
            () = sleep(if self.polling.is_some() { POLL } else { BACKSTOP }) => return,
        }
        // In a folder where much goes on, twice a second is often enough.
        sleep(SETTLE).await;
    }

    /// Tells the kernel what to watch.
    fn arm(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        let mut wanted: BTreeSet<PathBuf> = self.files.iter().flat_map(|(path, _)| folders(path)).collect();
        wanted.extend(self.files.iter().map(|(path, _)| path.clone()));
        if wanted.len() > MOST_WATCHES {
            self.polling = Some(io::Error::other(format!("{} files and folders are too many", wanted.len())));
        }
        let mut watches = Vec::new();
        for path in wanted.iter().take(MOST_WATCHES) {
            match inotify.get_ref().0.add_watch(path, flags) {
                Ok(watch) => watches.push(watch),
                // Its folder is watched, and tells when it comes.
                Err(nix::Error::ENOENT | nix::Error::ENOTDIR) => {}
                Err(error) => self.polling = Some(error.into()),
            }
        }
        for old in std::mem::take(&mut self.watches) {
            if !watches.contains(&old) {
                // The kernel has forgotten it already where the folder is gone.
                let _ = inotify.get_ref().0.rm_watch(old);
            }
        }
        self.watches = watches;
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

/// The folder that holds a file and those that hold a symbolic link on the way to it; of a file that is not there, as far as the way goes.
fn folders(path: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let part = |component: Component<'_>| component.as_os_str().to_owned();
    let mut ahead: VecDeque<OsString> = absolute.components().map(part).collect();
    let (mut here, mut links) = (PathBuf::new(), 0);
    while let Some(next) = ahead.pop_front() {
        if next == "." || next == ".." {
            if next == ".." {
                here.pop();
            }
            continue;
        }
        let there = here.join(&next);
        match fs::symlink_metadata(&there) {
            Ok(at) if at.is_symlink() && links < MOST_LINKS => {
                links += 1;
                found.insert(here.clone());
                let Ok(target) = fs::read_link(&there) else { return found };
                for component in target.components().rev() {
                    ahead.push_front(part(component));
                }
                // An absolute target begins with the root, which joins as itself.
            }
            Ok(_) if !ahead.is_empty() => here = there,
            _ => {
                found.insert(here.clone());
                return found;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tokio::time::timeout;

    use super::*;

    /// What must happen within ten seconds, by the need; the kernel and two settlings take one.
    const SOON: Duration = Duration::from_secs(10);

    /// Watches files as they are now.
    fn watch(paths: &[&Path]) -> Watch {
        let mut watch = Watch::new();
        watch.follow(paths.iter().map(|path| ((*path).to_owned(), Stamp::of(path))).collect());
        assert!(watch.fallback().is_none(), "{watch:?}");
        watch
    }

    /// Runs a test on an event loop.
    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn all_folders_on_the_way_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        for name in ["mount/..1", "run", "etc"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        fs::write(top.join("mount/..1/a"), "").unwrap();
        symlink("..1", top.join("mount/..data")).unwrap();
        symlink("..data/a", top.join("mount/a")).unwrap();
        symlink(top.join("mount/a"), top.join("etc/a")).unwrap();
        let names = |path: &str| -> Vec<String> {
            let relative = |path: &PathBuf| path.strip_prefix(&top).unwrap().to_string_lossy().into_owned();
            folders(&top.join(path)).iter().map(relative).collect()
        };
        assert_eq!(names("run/b"), ["run"]);
        assert_eq!(names("mount/a"), ["mount", "mount/..1"]);
        assert_eq!(names("etc/../etc/a"), ["etc", "mount", "mount/..1"]);
        assert_eq!(names("etc/nowhere/a"), ["etc"]);
        symlink("loop", top.join("etc/loop")).unwrap();
        assert_eq!(names("etc/loop"), ["etc"]);
    }

    #[test]
    fn a_change_before_the_watch_began_is_told() {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a");
            let stamp = Stamp::of(&file);
            fs::write(&file, "1").unwrap();
            let mut watch = Watch::new();
            watch.follow(vec![(file, stamp)]);
            timeout(SOON, watch.changed()).await.unwrap();
        });
    }

    #[test]
    fn a_file_that_is_written_replaced_removed_or_swapped_behind_links_has_changed() {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            for version in ["..1", "..2"] {
                fs::create_dir(path(version)).unwrap();
                fs::write(path(version).join("b"), version).unwrap();
            }
            fs::write(path("a"), "1").unwrap();
            symlink("..1", path("..data")).unwrap();
            symlink("..data/b", path("b")).unwrap();
            let mut watch = watch(&[&path("a"), &path("b")]);
            let steps: [&dyn Fn(); 5] = [
                &|| fs::write(path("a"), "22").unwrap(),
                &|| {
                    fs::write(path("new"), "33").unwrap();
                    fs::rename(path("new"), path("a")).unwrap();
                },
                &|| fs::remove_file(path("a")).unwrap(),
                // As the kubelet does it.
                &|| {
                    symlink("..2", path("..data_tmp")).unwrap();
                    fs::rename(path("..data_tmp"), path("..data")).unwrap();
                    fs::remove_dir_all(path("..1")).unwrap();
                },
                &|| fs::write(path("..2/b"), "again").unwrap(),
            ];
            for (number, step) in steps.iter().enumerate() {
                step();
                timeout(SOON, watch.changed()).await.unwrap_or_else(|_| panic!("step {number} was not seen"));
            }
        });
    }

    #[test]
    fn a_folder_has_changed_when_a_name_comes_or_goes_and_not_with_what_its_files_say() {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            fs::write(path("a"), "1").unwrap();
            let stamp = Stamp::of(folder.path());
            fs::write(path("a"), "22").unwrap();
            fs::create_dir(path("..2026")).unwrap();
            assert_eq!(Stamp::of(folder.path()), stamp);
            let mut watch = watch(&[folder.path()]);
            let steps: [&dyn Fn(); 3] =
                [&|| fs::write(path("b"), "1").unwrap(), &|| fs::rename(path("b"), path("c")).unwrap(), &|| {
                    fs::remove_file(path("c")).unwrap()
                }];
            for (number, step) in steps.iter().enumerate() {
                step();
                timeout(SOON, watch.changed()).await.unwrap_or_else(|_| panic!("step {number} was not seen"));
            }
            assert_eq!(Stamp::of(folder.path()), stamp);
        });
    }

    #[test]
    fn another_file_in_the_folder_and_what_was_seen_already_are_no_change() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a");
            fs::write(&file, "1").unwrap();
            let mut watch = watch(&[&file]);
            fs::write(folder.path().join("other"), "1").unwrap();
            fs::write(&file, "22").unwrap();
            watch.look();
            timeout(SOON, watch.changed()).await.unwrap_err();
        });
    }

    #[test]
    fn without_inotify_changes_are_found_by_looking() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a");
            let mut watch = Watch::without_inotify(Some(io::Error::other("none here")));
            watch.follow(vec![(file.clone(), Stamp::of(&file))]);
            assert!(watch.fallback().is_some() && watch.fallback().is_none(), "told once");
            timeout(SOON, watch.changed()).await.unwrap_err();
            fs::write(&file, "1").unwrap();
            timeout(SOON, watch.changed()).await.unwrap();
        });
    }
}
