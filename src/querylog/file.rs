//! A file of the query log, and those before it.
//!
//! `NAME` is written; when it is large or old it becomes `NAME.000001`, and where that is wanted `NAME.000001.gz`. Numbers only grow, so that their
//! order does not depend on a clock. Before anything is written, the oldest files go until there is room within the bound: at no moment do
//! all of them together have more bytes, the one that is being compressed and what comes of it included.
//!
//! Files are compressed one by one, the oldest first, those that an earlier run has left as they were included. Where they fill the bound, the oldest of
//! them goes so that there is room for that: seven of eight take no more room than one when they are compressed.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::config::{LogOutput, QueryLog, Rotated, Rotation};
use crate::error::{ExitCode, Failure};
use crate::sys::clock::Moment;
use crate::sys::file::remove;

use super::dnstap::{self, Control};

/// What a compressed file's name ends in.
const COMPRESSED: &str = "gz";
/// What the name of one ends in that is not finished.
const UNFINISHED: &str = "part";
/// Most files beside the one that is written, however small they are.
const MOST_CLOSED: usize = 1000;

/// Makes the folder of a log file, if it is not there and can be made; it belongs to `owner` then. To be called before the process gives
/// up root.
///
/// # Errors
///
/// When it cannot be made, with what to do about it.
pub fn prepare(config: &QueryLog, owner: Option<(u32, u32)>) -> Result<(), Failure> {
    let LogOutput::File(path) = &config.output else { return Ok(()) };
    let Some(folder) = path.parent().filter(|folder| !folder.exists()) else { return Ok(()) };
    let failed = |error: io::Error| {
        let text = format!(
            "query-log.output: the folder {} cannot be made: {error}; make it, or name another",
            folder.display()
        );
        Failure::new(ExitCode::InputOutput, text)
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(folder, Some(user), Some(group)).map_err(failed)?;
    }
    Ok(())
}

/// A file that is closed.
#[derive(Debug)]
struct Closed {
    /// Its number.
    number: u64,
    /// Its bytes.
    size: u64,
    /// Whether it is compressed.
    is_compressed: bool,
    /// Whether that was tried in vain; it is not tried again, lest it hold up all others.
    is_left: bool,
}

/// The file that is written.
#[derive(Debug)]
struct Open {
    /// The file.
    file: File,
    /// Its bytes.
    size: u64,
    /// When it was opened.
    since: Moment,
}

/// A file of the query log, and those before it.
#[derive(Debug)]
pub(super) struct Files {
    /// Where it is.
    path: PathBuf,
    /// When it is closed, and what becomes of it.
    rotation: Rotation,
    /// Whether it holds frames, which have a beginning and an end.
    frames: bool,
    /// The one that is written, once something is.
    open: Option<Open>,
    /// Those before it, the oldest first; `None` before the folder was read.
    closed: Option<VecDeque<Closed>>,
    /// Whoever compresses the last of them: which, and the bytes that come of it in the end.
    compressing: Option<(u64, JoinHandle<io::Result<u64>>)>,
}

impl Files {
    /// Files of which none is open yet.
    pub(super) fn new(path: &Path, rotation: Rotation, frames: bool) -> Self {
        Self { path: path.to_owned(), rotation, frames, open: None, closed: None, compressing: None }
    }

    /// Goes by another rotation from now on.
    pub(super) fn set_rotation(&mut self, rotation: Rotation) {
        self.rotation = rotation;
    }

    /// Writes whole lines or frames.
    pub(super) fn write(&mut self, bytes: &[u8], now: Moment) -> io::Result<()> {
        self.rotate_if_old(now)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.open.is_none() {
            self.open(now)?;
        }
        if self.open.as_ref().is_some_and(|open| open.size > 0 && open.size + length > self.rotation.size) {
            self.rotate()?;
            self.open(now)?;
        }
        self.make_room(length)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        let before = open.size;
        if let Err(error) = open.file.write_all(bytes) {
            // Half a line would make the next one unreadable, too.
            open.file.set_len(before)?;
            return Err(error);
        }
        open.size = before + length;
        Ok(())
    }

    /// Closes a file that is old, and sees to the compression of those that are closed.
    pub(super) fn tend(&mut self, now: Moment) -> io::Result<()> {
        self.rotate_if_old(now)?;
        if self.compressing.as_ref().is_some_and(|(_, thread)| thread.is_finished()) {
            self.compressed()?;
        }
        self.compress_next()
    }

    /// Ends in good order.
    pub(super) fn close(&mut self) {
        if let Some(open) = &mut self.open
            && self.frames
        {
            let _ = open.file.write_all(&dnstap::control(Control::Stop));
        }
        self.open = None;
        let _ = self.compressed();
    }

    //------ One after another -------------------------------------------------------------------------------------------

    /// Opens the file, behind what stands there.
    fn open(&mut self, now: Moment) -> io::Result<()> {
        if self.closed.is_none() {
            self.closed = Some(self.find()?);
        }
        if self.frames && fs::metadata(&self.path).is_ok_and(|about| about.len() > 0) {
            // A stream of frames begins once; what another run has left is a file of its own.
            self.shift()?;
        }
        // Not through a link: who can write to the folder must not choose what else this process writes to.
        let options = &mut OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&self.path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        self.open = Some(Open { file, size: about.len(), since: now });
        if self.frames {
            let start = dnstap::control(Control::Start);
            self.make_room(u64::try_from(start.len()).unwrap_or(0))?;
            if let Some(open) = &mut self.open {
                open.file.write_all(&start)?;
                open.size += u64::try_from(start.len()).unwrap_or(0);
            }
        }
        Ok(())
    }

    /// Closes the file if it is old.
    fn rotate_if_old(&mut self, now: Moment) -> io::Result<()> {
        let is_old = |open: &Open| open.size > 0 && now.since(open.since) >= self.rotation.every;
        if self.open.as_ref().is_some_and(is_old) { self.rotate() } else { Ok(()) }
    }

    /// Closes the file; the next that is written begins another.
    fn rotate(&mut self) -> io::Result<()> {
        if let Some(mut open) = self.open.take() {
            if self.frames {
                open.file.write_all(&dnstap::control(Control::Stop))?;
            }
            drop(open);
            self.shift()?;
        }
        Ok(())
    }

    /// Gives the file that is written the next number.
    fn shift(&mut self) -> io::Result<()> {
        let size = fs::metadata(&self.path)?.len();
        let closed = self.closed.get_or_insert_default();
        let number = closed.back().map_or(0, |closed| closed.number) + 1;
        fs::rename(&self.path, numbered(&self.path, number, ""))?;
        closed.push_back(Closed { number, size, is_compressed: false, is_left: false });
        Ok(())
    }

    /// The files that an earlier run has left; what it has not finished is deleted, and so is what it has finished without taking the file away.
    fn find(&self) -> io::Result<VecDeque<Closed>> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("/"));
        let own = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(rest) = name.strip_prefix(&own).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let (number, end) = rest.split_once('.').unwrap_or((rest, ""));
            let Some(number) = number.parse::<u64>().ok().filter(|_| number.len() >= 6) else { continue };
            match end {
                "" | COMPRESSED => {
                    let size = entry.metadata()?.len();
                    found.push(Closed { number, size, is_compressed: !end.is_empty(), is_left: false });
                }
                UNFINISHED => fs::remove_file(entry.path())?,
                // Somebody else's.
                _ => {}
            }
        }
        found.sort_by_key(|closed| (closed.number, closed.is_compressed));
        for pair in found.windows(2).filter(|pair| pair[0].number == pair[1].number) {
            remove(&numbered(&self.path, pair[1].number, COMPRESSED))?;
        }
        found.dedup_by_key(|closed| closed.number);
        Ok(found.into())
    }

    //------ The bound -------------------------------------------------------------------------------------------------

    /// Bytes of all files, at most: what is being compressed counts twice, since what comes of it is no longer than that.
    fn total(&self) -> u64 {
        let closed = self.closed.iter().flatten();
        let twice = |closed: &&Closed| self.compressing.as_ref().is_some_and(|(number, _)| *number == closed.number);
        let again: u64 = closed.clone().filter(twice).map(|closed| closed.size + GZIP_OVERHEAD).sum();
        closed.map(|closed| closed.size).sum::<u64>() + again + self.open.as_ref().map_or(0, |open| open.size)
    }

    /// Deletes the oldest files until `length` more bytes are within the bound.
    fn make_room(&mut self, length: u64) -> io::Result<()> {
        while self.total() + length > self.rotation.all
            || self.closed.as_ref().is_some_and(|all| all.len() > MOST_CLOSED)
        {
            let oldest = self.closed.as_ref().and_then(|closed| closed.front());
            let Some(oldest) = oldest else {
                if self.total() + length > self.rotation.all {
                    return Err(io::Error::other("it does not fit query-log.max-size"));
                }
                return Ok(());
            };
            // Whoever compresses it must not bring it back.
            if self.compressing.as_ref().is_some_and(|(number, _)| *number == oldest.number) {
                // A file that cannot be compressed is no reason to lose lines.
                let _ = self.compressed();
                continue;
            }
            remove(&numbered(&self.path, oldest.number, if oldest.is_compressed { COMPRESSED } else { "" }))?;
            self.closed.as_mut().and_then(VecDeque::pop_front);
        }
        Ok(())
    }

    /// Begins to compress the oldest file that is not, if nothing is being compressed. If there is no room for both, older files make it.
    fn compress_next(&mut self) -> io::Result<()> {
        if self.rotation.closed != Rotated::Gzip || self.compressing.is_some() {
            return Ok(());
        }
        let waits = |closed: &&Closed| !closed.is_compressed && !closed.is_left;
        while let Some(&Closed { number, size, .. }) = self.closed.iter().flatten().find(waits) {
            let open = self.open.as_ref().map_or(0, |open| open.size);
            if open + 2 * size + GZIP_OVERHEAD > self.rotation.all {
                // Not even alone: nothing else is to be lost for it.
                return Ok(());
            }
            self.make_room(size + GZIP_OVERHEAD)?;
            // It may have been the oldest itself.
            if self.closed.iter().flatten().any(|closed| closed.number == number) {
                let path = self.path.clone();
                let thread = Builder::new().name("query-log-gzip".to_owned()).spawn(move || compress(&path, number))?;
                self.compressing = Some((number, thread));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes note of what was compressed; waits for it if it is not done.
    fn compressed(&mut self) -> io::Result<()> {
        let Some((number, thread)) = self.compressing.take() else { return Ok(()) };
        let outcome = thread.join().unwrap_or_else(|_| Err(io::Error::other("it could not be compressed")));
        if let Some(closed) = self.closed.iter_mut().flatten().find(|closed| closed.number == number) {
            match &outcome {
                Ok(size) => (closed.size, closed.is_compressed) = (*size, true),
                Err(_) => closed.is_left = true,
            }
        }
        outcome.map(drop)
    }
}

/// By how much a compressed file may be longer than what it holds: header and trailer, and five bytes for each stored block of at most 32 KiB,
/// a few hundred bytes a megabyte; for the largest file of 64 MiB this is enough.
const GZIP_OVERHEAD: u64 = 16 << 10;

/// The path of a closed file.
fn numbered(path: &Path, number: u64, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number:06}"));
    if !end.is_empty() {
        name.push(format!(".{end}"));
    }
    name.into()
}

/// Compresses a closed file and takes it away; how long what came of it is.
fn compress(path: &Path, number: u64) -> io::Result<u64> {
    let (plain, unfinished) = (numbered(path, number, ""), numbered(path, number, UNFINISHED));
    let mut source = File::open(&plain)?;
    remove(&unfinished)?;
    let target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let mut encoder = GzEncoder::new(target, Compression::fast());
    io::copy(&mut source, &mut encoder)?;
    let target = encoder.finish()?;
    let size = target.metadata()?.len();
    fs::rename(&unfinished, numbered(path, number, COMPRESSED))?;
    fs::remove_file(&plain)?;
    Ok(size)
}
