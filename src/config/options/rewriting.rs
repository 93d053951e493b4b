//! The options of what is neither asked nor known but made: `[[rewrite]]`, `[[template]]`, and of a `[[zone]]` who may ask for its names, its
//! hosts, and addresses made up for networks without IPv4.

use std::time::Duration;

use super::{Kind, Section, Setting, Silent};
use crate::config::choice::Choice;
use crate::config::rewriting::{NAME_MATCHES, RCODES};
use crate::config::{Answers, Matching, Route};

/// What `[[rewrite]]` is about.
pub(super) const REWRITE_DOC: &str = "Questions that are asked in another form, as by the rewrite plugin of CoreDNS. They are tried in the order of the file; the first that fits is \
     the last, unless it says continue. At most 256.";
/// What `[[template]]` is about.
pub(super) const TEMPLATE_DOC: &str = "Answers that are made of the question, as by the template plugin of CoreDNS. They are tried in the order of the file. At most 256.";

/// The options of a `[[zone]]`.
pub(super) const ZONE_SETTINGS: &[Setting] = &[
    Setting {
        section: Section::Zone,
        key: "acl",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "Who may ask for names of this zone, as in lines of CoreDNS's acl: an action, then perhaps \"type\" with types, and \"net\" with \
              prefixes, where \"*\" is all. The first line that fits decides; if none does, the query passes. \"allow\" lets it pass, \"block\" is REFUSED \
              with extended error 15 (Blocked), \"filter\" an empty answer with 17 (Filtered), \"drop\" no answer at all. Who may ask for \
              anything is said by listen.allow.",
    },
    Setting {
        section: Section::Zone,
        key: "dns64",
        kind: Kind::Text { maximum: 64 },
        silent: Silent::Value("\"\""),
        doc: "A prefix of NAT64, such as \"64:ff9b::/96\", of 32, 40, 48, 56, 64 or 96 bits (RFC 6052): names without AAAA records are answered with \
              AAAA records made of it and their A records (RFC 6147). Not for clients that validate themselves (DO and CD). \"\" makes none.",
    },
    Setting {
        section: Section::Zone,
        key: "dns64-translate-all",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether they take the place of AAAA records that are there.",
    },
    Setting {
        section: Section::Zone,
        key: "dns64-ipv4-clients",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether clients that ask over IPv4 get them, too.",
    },
    Setting {
        section: Section::Zone,
        key: "hosts",
        kind: Kind::Path,
        silent: Silent::Derived { words: "no file", example: "\"/etc/nodens/hosts\"" },
        doc: "A file in the form of /etc/hosts, for names of this zone alone; addresses are answered backwards if their reverse names are in this \
              zone. A change takes effect without a restart. For the whole node there is local.hosts.",
    },
    Setting {
        section: Section::Zone,
        key: "hosts-lines",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "Lines of such a file, written here: \"ADDRESS NAME NAME\".",
    },
    Setting {
        section: Section::Zone,
        key: "hosts-ttl",
        kind: Kind::Ttl { minimum: Duration::ZERO, maximum: Duration::from_secs(65_535) },
        silent: Silent::Value("\"1h\""),
        doc: "For how long clients may keep them.",
    },
    Setting {
        section: Section::Zone,
        key: "hosts-reverse",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether addresses are answered backwards.",
    },
    Setting {
        section: Section::Zone,
        key: "hosts-fallthrough",
        kind: Kind::Switch,
        silent: Silent::Value("true"),
        doc: "Whether names of the zone that are neither in the file nor in the lines go on to the zone's servers. If not, they are SERVFAIL, as CoreDNS \
              has it. Says nothing where there are no hosts.",
    },
    Setting {
        section: Section::Zone,
        key: "hosts-fallthrough-zones",
        kind: Kind::Domains,
        silent: Silent::Value("[]"),
        doc: "If any are listed, only names in these go on.",
    },
];

/// The options of `[[rewrite]]` and `[[template]]`.
pub(super) const SETTINGS: &[Setting] = &[
    //------ [[rewrite]] -----------------------------------------------------
    Setting {
        section: Section::Rewrite,
        key: "zone",
        kind: Kind::Domain,
        silent: Silent::Value("\".\""),
        doc: "Which names it is for: this suffix and all below, but not those that a [[zone]] with a longer name holds. A rule for \".\" leaves \
              special-use names alone.",
    },
    Setting {
        section: Section::Rewrite,
        key: "match",
        kind: Kind::Choice(Matching::NAMES),
        silent: Silent::Value("\"exact\""),
        doc: "What of the question is compared with from, and rewritten: the name as a whole, its beginning, its end, each part of it, or what a regular \
              expression makes of it; or the type. \"ttl\" rewrites the TTLs of the answer instead. Names are compared in lower case and with their last \
              dot.",
    },
    Setting {
        section: Section::Rewrite,
        key: "from",
        kind: Kind::Text { maximum: 1024 },
        silent: Silent::Required { example: "\"www.example.com.\"" },
        doc: "The name or the part of one, the regular expression, or the type.",
    },
    Setting {
        section: Section::Rewrite,
        key: "to",
        kind: Kind::Text { maximum: 1024 },
        silent: Silent::Required { example: "\"web.default.svc.cluster.local.\"" },
        doc: "What takes its place. For a regular expression \"{1}\" is what its first group fits. For \"ttl\" seconds, or \"MIN-MAX\", \"MIN-\", \"-MAX\": \
              this goes before the zone's min-ttl and max-ttl.",
    },
    Setting {
        section: Section::Rewrite,
        key: "name-match",
        kind: Kind::Choice(NAME_MATCHES),
        silent: Silent::Value("\"exact\""),
        doc: "Where match is \"ttl\", how the name is compared with from.",
    },
    Setting {
        section: Section::Rewrite,
        key: "answers",
        kind: Kind::Choice(Answers::NAMES),
        silent: Silent::Value("\"auto\""),
        doc: "\"auto\" puts the name that was asked for back into the answer, also where records lead to it; what comes from it carries no signatures. \"none\" \
              leaves it as the servers gave it, which clients may not take for an answer.",
    },
    Setting {
        section: Section::Rewrite,
        key: "answer-names",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "What is done to the names of records instead of \"auto\": \"REGEX REPLACEMENT\".",
    },
    Setting {
        section: Section::Rewrite,
        key: "answer-values",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "The same for names inside CNAME, DNAME, MX, NAPTR, NS, PTR, SOA and SRV records.",
    },
    Setting {
        section: Section::Rewrite,
        key: "route",
        kind: Kind::Choice(Route::NAMES),
        silent: Silent::Value("\"target\""),
        doc: "Whose servers are asked for the new name: \"target\", those of the zone that it belongs to; \"question\", those of the zone of the name that \
              was asked for, as CoreDNS does within a server block.",
    },
    Setting {
        section: Section::Rewrite,
        key: "continue",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether the rules after it are tried, too, with what it made.",
    },
    //------ [[template]] ----------------------------------------------------
    Setting {
        section: Section::Template,
        key: "zone",
        kind: Kind::Domain,
        silent: Silent::Value("\".\""),
        doc: "Which names it is for, as of a [[rewrite]].",
    },
    Setting {
        section: Section::Template,
        key: "types",
        kind: Kind::QueryTypes,
        silent: Silent::Value("[\"ANY\"]"),
        doc: "Which types.",
    },
    Setting {
        section: Section::Template,
        key: "match",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "Regular expressions of which the name, in lower case and with its last dot, must fit one; the first that does counts. Without any, all names \
              fit.",
    },
    Setting {
        section: Section::Template,
        key: "rcode",
        kind: Kind::Choice(RCODES),
        silent: Silent::Value("\"NOERROR\""),
        doc: "The response code.",
    },
    Setting {
        section: Section::Template,
        key: "answers",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "Records as in a zone file, \"NAME TTL TYPE DATA\", with {{ .Name }}, {{ .Zone }}, {{ .Type }}, {{ .Class }}, {{ .Group.NAME }}, \
              {{ index .Match N }} and {{ parseInt .Group.NAME BASE BITS }} in them, as in Go's templates. An alias is followed for A and AAAA.",
    },
    Setting {
        section: Section::Template,
        key: "authority",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "The same for the authority section.",
    },
    Setting {
        section: Section::Template,
        key: "additional",
        kind: Kind::Lines,
        silent: Silent::Value("[]"),
        doc: "The same for the additional section.",
    },
    Setting {
        section: Section::Template,
        key: "extended-error",
        kind: Kind::Integer { minimum: 0, maximum: 65_535, unit: "" },
        silent: Silent::Derived { words: "none", example: "15" },
        doc: "The code of an extended error (RFC 8914).",
    },
    Setting {
        section: Section::Template,
        key: "fallthrough",
        kind: Kind::Switch,
        silent: Silent::Value("false"),
        doc: "Whether a name that is in the zone, but fits no regular expression, goes on to the next [[template]] and the servers. If not, it is SERVFAIL.",
    },
    Setting {
        section: Section::Template,
        key: "fallthrough-zones",
        kind: Kind::Domains,
        silent: Silent::Value("[]"),
        doc: "If any are listed, only names in these go on.",
    },
];
