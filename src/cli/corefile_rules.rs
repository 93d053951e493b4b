//! Rules of a Corefile as those read them who answer by them: what is wrong in an expression, a record or an access list is said of the line of
//! the Corefile that it stands in, not of the document which that has become.

use crate::config::{Config, Environment};
use crate::corefile::{Compiled, Place};
use crate::error::{ExitCode, Failure};
use crate::policy::mistake::{Mistake, Written};
use crate::policy::rules::RuleSet;

/// The configuration that a Corefile means, after its rules were read.
///
/// # Errors
///
/// All that is wrong in them, each with file and line.
pub(super) fn checked(compiled: &Compiled, origin: &str) -> Result<Config, Failure> {
    let loaded = Config::parse(&compiled.toml, origin, &Environment::neutral())
        .map_err(|_| Failure::new(ExitCode::Software, "a Corefile has become no document"))?;
    let mistakes = RuleSet::mistakes(&loaded.config);
    if mistakes.is_empty() {
        return Ok(loaded.config);
    }
    let say = |mistake: &Mistake| match place(compiled, &mistake.at) {
        Some(place) => format!("{place}: {}", mistake.wrong),
        None => format!("{origin}: {mistake}"),
    };
    Err(Failure::of_mistakes(&mistakes.iter().map(say).collect::<Vec<_>>()))
}

/// Where a rule of the document comes from.
fn place<'c>(compiled: &'c Compiled, at: &Written) -> Option<&'c Place> {
    match at {
        Written::Rewrite(number) => compiled.rewrites.get(number.checked_sub(1)?),
        Written::Template(number) => compiled.templates.get(number.checked_sub(1)?),
        Written::Access { zone, line, .. } => compiled.access.get(*zone)?.get(line.checked_sub(1)?),
    }
}

#[cfg(test)]
mod tests {
    use super::checked;
    use crate::corefile::{Nothing, compile, parse};

    #[test]
    fn mistakes_in_rules_have_the_line_of_the_corefile() {
        let text = "example.org {\n bind 127.0.0.1\n forward . 192.0.2.1\n acl {\n  allow net 10.0.0.0/8\n  block net 10.0.0.0/64\n }\n}\n\
            .:53 {\n bind 127.0.0.1\n forward . 192.0.2.1\n rewrite name a.example b.example\n rewrite name regex ( b.example\n\
            template IN A {\n  answer \"{{ .Name }} 60 IN A\"\n }\n}\n";
        let compiled = compile(&parse(text, "Corefile", &Nothing).unwrap(), &Nothing).unwrap();
        let failure = checked(&compiled, "Corefile").unwrap_err();
        let lines: Vec<&str> = failure.message.lines().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(lines, ["Corefile:13", "Corefile:14", "Corefile:6"], "{failure}");
    }
}
