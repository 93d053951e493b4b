//! The second front end: the configuration language of CoreDNS and node-cache, for those who have it already.
//!
//! ```text
//! text ── lexer ── tokens ── parser (snippets, imports, variables) ── tree ─┬─ compile: a document for the first front end
//!                                                                          └─ audit: what a security review says of it
//! ```
//!
//! [`parse`] knows the language and no plugin: a tree keeps every word with its file and line, so that whoever reads it can say where
//! something is wrong. It accepts what the parser of CoreDNS accepts, its odd corners included, since a file that works there must not
//! fail here: quotes protect spaces but not braces, `#` begins a comment even within a word, and a snippet is known only behind its
//! definition.

mod compile;
mod key;
mod lexer;
mod parser;
mod plugins;
mod server;
mod tree;
mod words;

pub use compile::{Compiled, compile};
pub use parser::{Machine, Nothing, Surroundings, parse};
pub use plugins::plugin_names;
#[doc(hidden)]
pub use plugins::table;
pub use server::Server;
pub use tree::{Corefile, Directive, Key, Mistake, Notice, Place, ServerBlock, Transport};
pub use words::{Everywhere, is_within, listener, seconds};
