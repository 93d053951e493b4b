//! The program that the kernel runs before each system call (seccomp(2), classic BPF).
//!
//! The crate seccompiler makes such programs, too, but with one answer for all that is not allowed and without the flag that makes the
//! kernel log it. The kernel keeps in a bitmap which calls are allowed whatever their arguments; the program runs for the others alone.

use std::io;

use nix::libc::{self, c_long, sock_filter};

use super::calls::{Argument, CALLS, Call, TO_COLLECTOR, UNKNOWN};

/// The architecture as the kernel tells it (`AUDIT_ARCH_X86_64`).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
/// The architecture as the kernel tells it (`AUDIT_ARCH_AARCH64`).
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Offset of the architecture in `seccomp_data`; the call's number is at 0.
const AT_ARCHITECTURE: u32 = 4;
/// Offset of the first argument, eight bytes each.
const AT_ARGUMENTS: u32 = 16;

/// A load of 32 bits of `seccomp_data`.
fn load(offset: u32) -> sock_filter {
    sock_filter { code: 0x20, jt: 0, jf: 0, k: offset }
}

/// Keeps the bits of a mask.
fn and(mask: u32) -> sock_filter {
    sock_filter { code: 0x54, jt: 0, jf: 0, k: mask }
}

/// Goes on if what was loaded is `value`, and skips so many steps if not.
fn expect(value: u32, skip: u8) -> sock_filter {
    sock_filter { code: 0x15, jt: 0, jf: skip, k: value }
}

/// Ends the program.
fn answer(action: u32) -> sock_filter {
    sock_filter { code: 0x06, jt: 0, jf: 0, k: action }
}

/// The halves of an argument that matter: offset, mask, value.
fn halves(argument: &Argument) -> impl Iterator<Item = (u32, u32, u32)> {
    let at = AT_ARGUMENTS + 8 * argument.index;
    let low = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0);
    let high = |number: u64| u32::try_from(number >> 32).unwrap_or(0);
    // Both architectures keep the low half first.
    let both = [(at, low(argument.mask), low(argument.value)), (at + 4, high(argument.mask), high(argument.value))];
    both.into_iter().filter(|&(_, mask, _)| mask != 0)
}

/// The steps that allow a call of this number if its arguments are right, and fall through if not.
fn conditions(call: &Call) -> Vec<sock_filter> {
    let checks: Vec<_> = call.arguments.iter().flat_map(halves).collect();
    let mut steps = Vec::new();
    for (position, &(at, mask, value)) in checks.iter().enumerate() {
        let rest = checks.len() - position - 1;
        // The checks that follow, three steps each, and the answer.
        let skip = u8::try_from(3 * rest + 1).unwrap_or(u8::MAX);
        steps.extend([load(at), and(mask), expect(value, skip)]);
    }
    steps.push(answer(libc::SECCOMP_RET_ALLOW));
    steps
}

/// The whole program; `with_sockets` allows connections to sockets in the file system.
fn program(with_sockets: bool) -> Vec<sock_filter> {
    let calls = || CALLS.iter().chain(with_sockets.then_some(&TO_COLLECTOR));
    let refuse = answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let mut body = Vec::new();
    let number = |number: c_long| u32::try_from(number).unwrap_or(u32::MAX);
    for &unknown in UNKNOWN {
        body.extend([expect(number(unknown), 1), answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32)]);
    }
    let mut done: Vec<c_long> = Vec::new();
    for call in calls() {
        if done.contains(&call.number) {
            continue;
        }
        done.push(call.number);
        let mut block: Vec<_> = calls().filter(|other| other.number == call.number).flat_map(conditions).collect();
        block.push(refuse);
        body.push(expect(number(call.number), u8::try_from(block.len()).unwrap_or(u8::MAX)));
        body.extend(block);
    }
    body.push(refuse);
    // By another table of numbers (32 bits; x32 is caught by its numbers) a call means something else than the table here says.
    let mut all = vec![load(AT_ARCHITECTURE), sock_filter { code: 0x15, jt: 1, jf: 0, k: ARCHITECTURE }];
    all.extend([answer(libc::SECCOMP_RET_KILL_PROCESS), load(0)]);
    all.extend(body);
    all
}

/// How many calls are allowed, under conditions or without.
pub(super) fn count() -> usize {
    let mut numbers: Vec<c_long> = CALLS.iter().map(|call| call.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// Lets the kernel ask the program from now on, for ever, `with_sockets` of the file system or without; how many calls are allowed.
#[expect(unsafe_code, reason = "seccomp has no safe wrapper")]
pub(super) fn enforce(with_sockets: bool) -> io::Result<usize> {
    let mut steps = program(with_sockets);
    let length = u16::try_from(steps.len()).map_err(|_| io::Error::other("the table is too long"))?;
    let program = libc::sock_fprog { len: length, filter: steps.as_mut_ptr() };
    // SAFETY: the program and its steps live through the call; the kernel checks and copies them.
    let status = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_LOG,
            &raw const program,
        )
    };
    if status == 0 { Ok(count()) } else { Err(io::Error::last_os_error()) }
}

/// Steps of the program.
#[cfg(test)]
pub(super) fn length() -> usize {
    program(true).len()
}
