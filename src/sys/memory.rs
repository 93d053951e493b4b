//! What the process takes of the machine's memory besides its answers: less.

use std::fs;

/// Gives the pages of the program's own code back to the page cache. Those that are used come back by themselves, from memory.
///
/// What ran once, at the start (command line, configuration, certificates), is not mapped from then on: about 1 MB less. Only pages that are
/// executable and thus never written to are given back, so that nothing can be lost.
pub fn forget_start_up_code() {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else { return };
    let Ok(program) = fs::read_link("/proc/self/exe") else { return };
    let Some(program) = program.to_str() else { return };
    for line in maps.lines().filter(|line| line.ends_with(program)) {
        if let Some((start, length)) = code(line) {
            #[expect(unsafe_code, reason = "madvise has no safe wrapper")]
            // SAFETY: the range is a whole private file mapping of our own that is not writable, as the kernel just said. MADV_DONTNEED drops
            // the page table's entries; the next access finds the same bytes of the same file, which cannot be written to while it runs.
            let _ = unsafe { libc::madvise(std::ptr::without_provenance_mut(start), length, libc::MADV_DONTNEED) };
        }
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

/// Start and length of a mapping that is code, from its line of `/proc/self/maps`.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, mode) = (fields.next()?, fields.next()?);
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (mode == "r-xp").then(|| end.checked_sub(start)).flatten().map(|length| (start, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_given_back() {
        let line = |mode: &str| format!("557b66c99000-557b66c9b000 {mode} 0019d000 fe:00 5310869 /usr/bin/nodens");
        assert_eq!(code(&line("r-xp")), Some((0x557b_66c9_9000, 0x2000)));
        for mode in ["r--p", "rw-p", "rwxp", "r-xs"] {
            assert_eq!(code(&line(mode)), None, "{mode}");
        }
        assert_eq!(code("nonsense"), None);
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        forget_start_up_code();
        assert_eq!((0..10).map(|number| number.to_string()).collect::<String>(), "0123456789");
    }
}
