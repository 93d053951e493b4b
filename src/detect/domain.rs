//! Whose a name is: the domain that somebody registered, by the public suffix list.
//!
//! Who can register a domain can run a server that sees all names below it, and that is what a tunnel needs. The list's private part counts, too:
//! what lies below `github.io` belongs to many. Where the list has no rule, the last label is taken for the suffix, as the list says.

use psl::{List, Psl as _, Type};

use crate::wire::name;

/// The most labels that are looked at from behind; no rule of the list has more than six.
const MOST_LABELS: usize = 8;

/// Where the registered domain of a folded name in wire format begins: at 0 if the name is that domain or a suffix itself.
#[must_use]
pub(super) fn registered(name: &[u8]) -> usize {
    let borders = Borders::of(name);
    let suffix = borders.suffix(name).map_or(0, |(at, _)| at);
    borders.before(suffix).unwrap_or(0)
}

/// Whether labels in wire format, without a root, begin with the name of a host in public: `www.example.com` in front of a search path's domain, of
/// which up to three labels may belong to them: `www.example.com.corp`, where the domain is `bigfirm.com` and the search path `corp.bigfirm.com`.
#[must_use]
pub(super) fn is_public_host(labels: &[u8]) -> bool {
    let mut ends = [0; 4];
    let mut count = 0;
    for at in name::suffixes(labels).skip(1).chain([labels.len()]) {
        ends.copy_within(..3, 1);
        ends[0] = at;
        count = (count + 1).min(4);
    }
    ends[..count].iter().any(|end| {
        let labels = labels.get(..*end).unwrap_or_default();
        Borders::of(labels).suffix(labels).is_some_and(|(at, is_official)| is_official && at > 0)
    })
}

/// Where the last labels of a name begin, the last first.
struct Borders {
    /// Offsets.
    at: [u8; MOST_LABELS],
    /// How many.
    count: usize,
}

impl Borders {
    /// Those of a name with or without its root.
    fn of(name: &[u8]) -> Self {
        let mut all = Self { at: [0; MOST_LABELS], count: 0 };
        for at in name::suffixes(name).filter(|at| name[*at] != 0) {
            all.at.copy_within(..MOST_LABELS - 1, 1);
            all.at[0] = u8::try_from(at).unwrap_or(u8::MAX);
            all.count = (all.count + 1).min(MOST_LABELS);
        }
        all
    }

    /// Where the public suffix begins, and whether a registry says so.
    fn suffix(&self, name: &[u8]) -> Option<(usize, bool)> {
        let label = |at: &u8| {
            let at = usize::from(*at);
            name.get(at + 1..at + 1 + usize::from(*name.get(at)?))
        };
        let info = List.find(self.at[..self.count].iter().map_while(label));
        let end = name.len() - usize::from(name.last() == Some(&0));
        // Between labels the list counts a dot, and before the first nothing where the wire has a length.
        let at = end.checked_sub(info.len + 1).filter(|_| info.len > 0)?;
        Some((at, info.typ == Some(Type::Icann)))
    }

    /// Where the label before `at` begins.
    fn before(&self, at: usize) -> Option<usize> {
        self.at[..self.count].iter().map(|border| usize::from(*border)).find(|border| *border < at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_domain_is_what_somebody_can_register() {
        let cases = [
            ("www.example.com", "example.com."),
            ("a.b.c.example.co.uk", "example.co.uk."),
            ("example.com", "example.com."),
            ("com", "com."),
            ("co.uk", "co.uk."),
            (".", "."),
            ("x.y.user.github.io", "user.github.io."),
            ("a.b.tunnel.test", "tunnel.test."),
            ("d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net."),
            ("a.b.www.ck", "www.ck."),
            ("a.b.c.d.e.f.g.h.i.j.example.org", "example.org."),
        ];
        for (text, domain) in cases {
            let wire = name::parse(text).unwrap();
            assert_eq!(name::display(&wire[registered(&wire)..]).to_string(), domain, "{text}");
        }
    }

    #[test]
    fn a_public_host_in_front_of_a_search_domain_is_known() {
        let is_public = |text: &str| {
            let wire = name::parse(text).unwrap();
            is_public_host(&wire[..wire.len() - 1])
        };
        for host in
            ["www.example.com", "d111.cdn.example.net", "api.github.com", "example.co.uk", "www.example.com.corp"]
        {
            assert!(is_public(host), "{host}");
        }
        for host in ["com", "myapp.default.svc", "0eyr4cq1tz3b5hxw", "a1.b2.c3"] {
            assert!(!is_public(host), "{host}");
        }
    }

    proptest! {
        #[test]
        fn strange_names_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..255)) {
            let at = registered(&bytes);
            prop_assert!(at == 0 || at < bytes.len());
            let _ = is_public_host(&bytes);
        }
    }
}
