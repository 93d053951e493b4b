//! The nodens command: arguments to the library, its outcome to an exit code.

fn main() {}
