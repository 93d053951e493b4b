//! What a new configuration cannot change in a daemon that runs, and whether a file that it names has changed.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use ::aws_lc_rs::digest;

use super::environment::Environment;
use super::{Config, loops};
use crate::error::{ExitCode, Failure};

/// The most that is read of a file to tell whether it has changed, in bytes; what uses such a file takes no more.
const LONGEST: u64 = 64 << 20;

/// Bytes of it that are in memory at a time.
const PIECE: usize = 64 << 10;

/// The SHA-256 of a file's first 64 MiB; `None` if it cannot be read.
#[must_use]
pub fn digest(path: &Path) -> Option<[u8; 32]> {
    let mut file = File::open(path).ok()?.take(LONGEST);
    let (mut context, mut piece) = (digest::Context::new(&digest::SHA256), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return context.finish().as_ref().try_into().ok(),
            Ok(length) => context.update(piece.get(..length)?),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

impl Config {
    /// Takes over from the configuration in force what sockets, threads, memory and the form of the log were made by; the names of the
    /// options that say something else here and take effect at the next start.
    ///
    /// # Errors
    ///
    /// If a server of this configuration is an address on which the daemon still listens: it would ask itself.
    pub fn keep(&mut self, running: &Self) -> Result<Vec<&'static str>, Failure> {
        for server in self.upstreams.iter().flat_map(|upstream| &upstream.servers) {
            if let Some(fault) = loops::check(server.address, &running.listen, &Environment::neutral()) {
                let text = format!("upstream.servers: {} until the next start; {}", fault.wrong, fault.right);
                return Err(Failure::new(ExitCode::Config, text));
            }
        }
        let mut kept = Vec::new();
        /// Takes one field over and notes its option.
        macro_rules! keep {
            ($($section:ident . $field:ident = $option:literal),+ $(,)?) => {
                $(if self.$section.$field != running.$section.$field {
                    self.$section.$field.clone_from(&running.$section.$field);
                    kept.push($option);
                })+
            };
        }
        keep! {
            listen.addresses = "listen.addresses",
            listen.workers = "listen.workers",
            // The sockets were told whether answers may be fragmented.
            listen.udp_size = "listen.udp-size",
            cache.size = "cache.size",
            cache.negative_size = "cache.negative-size",
            metrics.listen = "metrics.listen",
            health.listen = "health.listen",
            health.ready_listen = "health.ready-listen",
            log.format = "log.format",
            // Opened, made and allowed at the start.
            query_log.format = "query-log.format",
            query_log.output = "query-log.output",
            query_log.buffer = "query-log.buffer",
            // The files that it names were given to the sandbox.
            clients.source = "clients.source",
            clients.address = "clients.address",
            clients.token = "clients.token",
            clients.ca = "clients.ca",
            clients.node = "clients.node",
            clients.refresh = "clients.refresh",
            control.socket = "control.socket",
            supervisor.hang_timeout = "supervisor.hang-timeout",
            supervisor.socket = "supervisor.socket",
            supervisor.linger = "supervisor.linger",
            sandbox.enabled = "sandbox.enabled",
            sandbox.user = "sandbox.user",
            interface.manage = "interface.manage",
            interface.name = "interface.name",
            interface.interval = "interface.interval",
            interface.take_over = "interface.take-over",
            interface.teardown = "interface.teardown",
            rules.backend = "rules.backend",
            rules.interval = "rules.interval",
            rules.timeout = "rules.timeout",
            rules.fallback = "rules.fallback",
            rules.node_local = "rules.node-local",
            rules.teardown = "rules.teardown",
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment, Format};

    /// The configuration of a text that has no mistakes.
    fn config(text: &str) -> Config {
        Config::parse(text, "test", &Environment::neutral()).unwrap().config
    }

    /// N32
    #[test]
    fn what_was_made_at_the_start_stays_and_is_named() {
        let running = Config::default();
        let mut next = config(
            "[listen]\naddresses = [\"127.0.0.1:5354\"]\nworkers = 3\nudp-size = 512\ntcp-idle-timeout = \"7s\"\n[cache]\nsize = \"8MiB\"\n\
             negative-size = \"3MiB\"\n[metrics]\nlisten = \"127.0.0.1:1\"\n[health]\nlisten = \"127.0.0.1:2\"\n[log]\nformat = \"json\"\n\
             [interface]\nname = \"a\"\ninterval = \"7s\"\ntake-over = true\nteardown = false\n",
        );
        let kept = next.keep(&running).unwrap();
        assert_eq!(
            kept,
            [
                "listen.addresses",
                "listen.workers",
                "listen.udp-size",
                "cache.size",
                "cache.negative-size",
                "metrics.listen",
                "health.listen",
                "log.format",
                "interface.name",
                "interface.interval",
                "interface.take-over",
                "interface.teardown",
            ]
        );
        assert_eq!(next.log.format, Format::Text);
        assert_ne!(next, running, "the time-out is new");
        next.listen.tcp_idle_timeout = running.listen.tcp_idle_timeout;
        assert_eq!(next, running);
        assert!(next.keep(&running).unwrap().is_empty());
    }

    #[test]
    fn a_server_on_an_address_that_is_still_ours_is_refused() {
        let running = config("[listen]\naddresses = [\"127.0.0.1:5354\"]\n");
        let mut next = config(
            "[[upstream]]\nname = \"a\"\nservers = [\"udp://127.0.0.1:5354\"]\n[[zone]]\nname = \".\"\nupstream = \"a\"\n",
        );
        assert!(next.keep(&running).unwrap_err().message.contains("127.0.0.1:5354 is one of our own"));
    }

    #[test]
    fn a_digest_tells_whether_a_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        assert_eq!(super::digest(&file), None);
        std::fs::write(&file, "1").unwrap();
        let first = super::digest(&file);
        std::fs::write(&file, "2").unwrap();
        assert!(first.is_some() && first != super::digest(&file));
    }
}
