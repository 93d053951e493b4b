//! Who may ask for the names of a zone (`zone.acl`), in the lines of CoreDNS's acl plugin.
//!
//! The first line that fits client and type decides. What is then answered is the pipeline's.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::wire::record;

/// What is done with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It passes.
    Allow,
    /// REFUSED.
    Block,
    /// An empty answer.
    Filter,
    /// No answer.
    Drop,
}

impl Action {
    /// All of them, with their words.
    const WORDS: [(&'static str, Self); 4] =
        [("allow", Self::Allow), ("block", Self::Block), ("filter", Self::Filter), ("drop", Self::Drop)];

    /// What the configuration calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, action)| *action == self).map_or("", |(word, _)| word)
    }
}

/// The lines of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl(Vec<Line>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// What is done.
    action: Action,
    /// For which types; empty is all.
    types: Vec<u16>,
    /// For clients of which prefixes; empty is all.
    nets: Vec<IpNet>,
}

impl Acl {
    /// Reads the lines of a zone; `None` if there are none.
    ///
    /// # Errors
    ///
    /// All that is wrong in them, each with the number of its line, from 1.
    pub(super) fn new(lines: &[String]) -> Result<Option<Self>, Vec<(usize, String)>> {
        let (mut mistakes, mut read) = (Vec::new(), Vec::with_capacity(lines.len()));
        for (number, line) in (1..).zip(lines) {
            match Line::new(line) {
                Ok(line) => read.push(line),
                Err(wrong) => mistakes.push((number, format!("{line:?}: {wrong}"))),
            }
        }
        if mistakes.is_empty() { Ok((!read.is_empty()).then_some(Self(read))) } else { Err(mistakes) }
    }

    /// What is done with a query; the line that says so, from 1, and `None` if no line does.
    #[must_use]
    pub fn judge(&self, client: IpAddr, qtype: u16) -> (Action, Option<usize>) {
        let client = client.to_canonical();
        let fits = |line: &&Line| {
            (line.types.is_empty() || line.types.contains(&qtype))
                && (line.nets.is_empty() || line.nets.iter().any(|net| net.contains(&client)))
        };
        let found = self.0.iter().position(|line| fits(&line));
        (found.map_or(Action::Allow, |at| self.0[at].action), found.map(|at| at + 1))
    }
}

impl Line {
    /// Reads a line: an action, then perhaps "type" and types, "net" and prefixes.
    fn new(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let action = words.next().unwrap_or_default();
        let known = Action::WORDS.iter().find(|(word, _)| action.eq_ignore_ascii_case(word));
        let (_, action) =
            *known.ok_or_else(|| format!("{action:?} is no action; write allow, block, filter or drop"))?;
        let (mut types, mut nets) = (None::<Vec<u16>>, None::<Vec<IpNet>>);
        let (mut all_types, mut all_nets) = (false, false);
        let mut section = "";
        let mut is_empty = false;
        for word in words {
            if ["type", "net"].iter().any(|name| word.eq_ignore_ascii_case(name)) {
                if is_empty {
                    return Err(format!("nothing stands behind {section:?}"));
                }
                section = if word.eq_ignore_ascii_case("type") { "type" } else { "net" };
                is_empty = true;
                continue;
            }
            is_empty = false;
            match (section, word) {
                ("type", "*") => all_types = true,
                ("net", "*") => all_nets = true,
                ("type", _) => types.get_or_insert_default().push(type_number(word)?),
                ("net", _) => nets.get_or_insert_default().push(net(word)?),
                _ => return Err(format!("{word:?} stands behind neither \"type\" nor \"net\"")),
            }
        }
        if is_empty {
            return Err(format!("nothing stands behind {section:?}"));
        }
        let types = types.filter(|_| !all_types).unwrap_or_default();
        Ok(Self { action, types, nets: nets.filter(|_| !all_nets).unwrap_or_default() })
    }
}

/// Reads a type.
fn type_number(word: &str) -> Result<u16, String> {
    record::question_type(word).ok_or_else(|| format!("{word:?} is no type of records"))
}

/// Reads a prefix or an address; bits behind its length mean nothing, as CoreDNS has it.
fn net(word: &str) -> Result<IpNet, String> {
    let net = word.parse::<IpNet>().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
    net.map(|net| net.trunc()).map_err(|_| format!("{word:?} is no prefix \"IP/LENGTH\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtype;

    /// An access list of these lines.
    fn acl(lines: &[&str]) -> Acl {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Acl::new(&lines).unwrap().unwrap()
    }

    #[test]
    fn the_first_line_that_fits_decides() {
        let acl = acl(&[
            "allow net 10.1.2.3",
            "drop type TXT ANY net 10.0.0.0/8",
            "filter type AAAA",
            "block net 10.0.0.1/8 2001:db8::/32",
        ]);
        for (client, qtype, action, line) in [
            ("10.1.2.3", rtype::TXT, Action::Allow, Some(1)),
            ("10.9.9.9", rtype::TXT, Action::Drop, Some(2)),
            ("10.9.9.9", rtype::ANY, Action::Drop, Some(2)),
            ("192.0.2.1", rtype::AAAA, Action::Filter, Some(3)),
            ("10.9.9.9", rtype::A, Action::Block, Some(4)),
            ("::ffff:10.9.9.9", rtype::A, Action::Block, Some(4)),
            ("2001:db8::1", rtype::A, Action::Block, Some(4)),
            ("192.0.2.1", rtype::A, Action::Allow, None),
        ] {
            assert_eq!(acl.judge(client.parse().unwrap(), qtype), (action, line), "{client} {qtype}");
        }
    }

    #[test]
    fn a_star_or_nothing_is_all() {
        for line in ["block", "BLOCK type * net *", "block net 10.0.0.0/8 *", "block type A * net *"] {
            assert_eq!(acl(&[line]).judge("192.0.2.1".parse().unwrap(), rtype::MX).0, Action::Block, "{line}");
        }
        assert_eq!(Acl::new(&[]), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_said_of_each_line() {
        let lines =
            ["deny", "allow 10.0.0.0/8", "block type", "block net type A", "drop type NONE", "filter net 10.0.0.0/33"];
        let mistakes = Acl::new(&lines.map(str::to_owned)).unwrap_err();
        let wrong = ["no action", "neither", "nothing stands", "nothing stands", "no type", "no prefix"];
        assert_eq!(mistakes.len(), wrong.len());
        for ((number, (line, mistake)), wrong) in (1..).zip(&mistakes).zip(wrong) {
            assert!(*line == number && mistake.contains(wrong), "{line}: {mistake}");
        }
    }
}
