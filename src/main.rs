//! The nodens command: arguments to the library, its outcome to an exit code.

use std::env::args_os;
use std::io::{Write, stderr};
use std::process::ExitCode;

/// glibc's allocator leaves holes between the long-lived pieces of a cache, and costs a miss three microseconds more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match nodens::cli::main(args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed; a panic would only hide the exit code.
            let _ = writeln!(stderr().lock(), "{failure}");
            ExitCode::from(failure.code as u8)
        }
    }
}
