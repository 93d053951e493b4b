//! What the process takes of the machine's memory besides its answers: less.

use std::fs;

/// Gives the pages of the program's and its libraries' own code and constants back to the page cache. Those that are used come back by themselves,
/// from memory.
///
/// What ran once (command line, configuration, certificates, handshakes) is not mapped from then on: 2 to 5 MB less. Only pages that cannot be written
/// to and were not before are given back, so that nothing can be lost: what the loader has written to and then closed (RELRO) stays, and so does code
/// into which somebody has put probes or breakpoints. That is why it is found out anew each time.
pub fn forget_code() {
    let Ok(maps) = fs::read_to_string("/proc/self/smaps") else { return };
    for (start, length) in clean(&maps) {
        #[expect(unsafe_code, reason = "madvise has no safe wrapper")]
        // SAFETY: the range is a whole private mapping of a file that is not writable and of which no page differs from the file, as the
        // kernel just said. MADV_DONTNEED drops the page table's entries; the next access finds the same bytes of the same file, which nobody writes
        // to while it runs: a new version is another file. Mappings of code and constants stay where they are until the end.
        let _ = unsafe { libc::madvise(std::ptr::without_provenance_mut(start), length, libc::MADV_DONTNEED) };
    }
}

/// Gives the kernel what this thread has freed, or others of what it had allocated, and what is free by now.
///
/// The allocator keeps free pages for a while and looks at that time only when it is called again. A thread that is idle after a flood
/// never calls it: after the flood of `tests/integration/memory.rs` 13 MB stayed that nothing used.
pub fn give_back() {
    #[expect(unsafe_code, reason = "the mimalloc crate has no safe wrapper")]
    // SAFETY: takes a flag and touches only the calling thread's heap and free pages of the allocator, whose owner nobody else is.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// Start and length of each private mapping of a file that cannot be written to and never was, from the text of `/proc/self/smaps`.
fn clean(maps: &str) -> Vec<(usize, usize)> {
    let (mut found, mut current) = (Vec::new(), None);
    for line in maps.lines() {
        if let Some(anonymous) = line.strip_prefix("Anonymous:") {
            found.extend(current.take().filter(|_| anonymous.trim() == "0 kB"));
        } else if !line.split(' ').next().unwrap_or_default().ends_with(':') {
            current = of_a_file(line);
        }
    }
    found
}

/// Start and length of a mapping, from its first line there, if it is private, of a file, and cannot be written to.
fn of_a_file(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, mode) = (fields.next()?, fields.next()?);
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let is_of_a_file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    (matches!(mode, "r-xp" | "r--p") && is_of_a_file)
        .then(|| end.checked_sub(start))
        .flatten()
        .map(|length| (start, length))
}

/// Bytes that the process has allocated; for tests, which run on glibc's allocator.
#[cfg(test)]
pub fn allocated() -> usize {
    #[expect(unsafe_code, reason = "mallinfo2 has no safe wrapper")]
    // SAFETY: takes nothing and returns numbers.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_files_that_nobody_wrote_to_are_given_back() {
        let mapping = |mode: &str, path: &str, anonymous: u32| {
            format!(
                "557b66c99000-557b66c9b000 {mode} 0019d000 fe:00 5310869 {path}\nSize: 8 kB\nRss: 8 kB\nAnonymous: {anonymous} kB\n\
                 VmFlags: rd ex mr mw me\n"
            )
        };
        let whole = vec![(0x557b_66c9_9000, 0x2000)];
        for mode in ["r-xp", "r--p"] {
            assert_eq!(clean(&mapping(mode, "/usr/bin/nodens", 0)), whole, "{mode}");
            assert_eq!(clean(&mapping(mode, "/usr/bin/nodens", 4)), [], "{mode}: written to by the loader");
            assert_eq!(clean(&mapping(mode, "[vdso]", 0)), [], "{mode}: of no file");
            assert_eq!(clean(&mapping(mode, "", 0)), [], "{mode}: of no file");
        }
        for mode in ["rw-p", "rwxp", "r-xs", "---p"] {
            assert_eq!(clean(&mapping(mode, "/usr/bin/nodens", 0)), [], "{mode}");
        }
        let two = mapping("rw-p", "/a", 0) + &mapping("r--p", "/a", 0);
        assert_eq!(clean(&two), whole, "each by itself");
        assert_eq!(clean("nonsense\nAnonymous: 0 kB\n"), []);
        assert!(!clean(&fs::read_to_string("/proc/self/smaps").unwrap()).is_empty());
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        forget_code();
        assert_eq!((0..10).map(|number| number.to_string()).collect::<String>(), "0123456789");
    }
}
