//! Addresses, prefixes, servers, pins, names and types as text.
//!
//! Each function reads one text without looking at any other; what two values mean for each other is checked where sections are
//! put together.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use data_encoding::BASE64;
use ipnet::IpNet;
use rustls::pki_types::ServerName;

use super::mistake::Fault;
use super::{Authentication, Exemption, Server, Transport};
use crate::wire::{record, rtype};

/// A server as it is written: transport, place, and the name after "#".
///
/// Whether it may go without a name depends on the group that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawServer {
    /// How it is spoken to.
    pub(super) transport: Transport,
    /// Where it is; never empty, each once.
    pub(super) addresses: Vec<SocketAddr>,
    /// The name its certificate must carry.
    pub(super) name: Option<String>,
}

impl Transport {
    /// All of them, with scheme and port.
    const SCHEMES: [(Self, &'static str, u16); 4] =
        [(Self::Tls, "tls", 853), (Self::Tcp, "tcp", 53), (Self::Udp, "udp", 53), (Self::Auto, "auto", 53)];

    /// The word before "://".
    #[must_use]
    pub fn scheme(self) -> &'static str {
        let found = Self::SCHEMES.iter().find(|(transport, ..)| *transport == self);
        found.map(|(_, scheme, _)| *scheme).expect("every transport has a scheme")
    }
}

/// Reads `IP`, `IP:PORT`, `[IPv6]` or `[IPv6]:PORT`; IPv6 may carry a numeric scope ("fe80::1%2").
///
/// Without a `default` port, one must be written. Port 0 is left to the caller.
pub(super) fn parse_address(text: &str, default: Option<u16>) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    // The standard library reads scopes in socket addresses only.
    let candidates = [format!("{text}:0"), format!("[{text}]:0")];
    let bare = candidates.iter().find_map(|candidate| candidate.parse::<SocketAddr>().ok());
    match (bare, default) {
        (Some(mut address), Some(port)) => {
            address.set_port(port);
            Ok(address)
        }
        (Some(_), None) => Err(Fault::new(format!("{text:?} has no port"), "an address \"IP:PORT\"")),
        (None, _) => {
            let right = if text.matches(':').count() > 1 {
                "an address such as \"fd00::1\" or \"[fd00::1]:53\""
            } else {
                "an IP address with or without a port, such as \"192.0.2.1\" or \"192.0.2.1:53\""
            };
            Err(Fault::new(format!("{text:?} is not an address"), right))
        }
    }
}

/// Reads a prefix "IP/LENGTH", or one address as the longest prefix. Bits after the length must be zero.
pub(super) fn parse_prefix(text: &str) -> Result<IpNet, Fault> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    let prefix: IpNet = text.parse().map_err(|_| {
        Fault::new(format!("{text:?} is not a prefix"), "\"IP/LENGTH\" such as \"10.0.0.0/8\", or an address")
    })?;
    if prefix.trunc() == prefix {
        Ok(prefix)
    } else {
        Err(Fault::new(format!("{text:?} has bits set after its length"), format!("\"{}\"", prefix.trunc())))
    }
}

//------ Servers -------------------------------------------------------------

/// Reads a server: "SCHEME://ADDRESS,ADDRESS#NAME", where scheme and name may be missing and one address is the rule.
pub(super) fn parse_server(text: &str) -> Result<RawServer, Fault> {
    let (transport, port, rest) = match text.split_once("://") {
        None => (Transport::Auto, 53, text),
        Some((scheme, rest)) => match Transport::SCHEMES.iter().find(|(_, name, _)| *name == scheme) {
            Some((transport, _, port)) => (*transport, *port, rest),
            None => return Err(unknown_scheme(text, scheme)),
        },
    };
    let (place, name) = match rest.split_once('#') {
        None => (rest, None),
        Some((place, name)) => (place, Some(name)),
    };
    let mut addresses = Vec::new();
    for one in place.split(',') {
        let address = parse_place(text, one, port)?;
        if addresses.contains(&address) {
            return Err(Fault::new(format!("{text:?} has {address} twice"), "each address once"));
        }
        addresses.push(address);
    }
    match (transport, name) {
        (Transport::Tls, Some(name)) => check_authentication(text, name)?,
        (_, Some(_)) => {
            return Err(Fault::new(
                format!("{text:?} has an authentication name but is not encrypted"),
                format!("\"tls://{rest}\", or the server without \"#\" and what follows"),
            ));
        }
        (_, None) => {}
    }
    Ok(RawServer { transport, addresses, name: name.map(str::to_owned) })
}

/// Reads one of the addresses of the server `text`.
fn parse_place(text: &str, place: &str, port: u16) -> Result<SocketAddr, Fault> {
    let address = parse_address(place, Some(port)).map_err(|fault| {
        let looks_like_a_name = !place.contains(['[', '%', '/'])
            && place.chars().any(|c| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit());
        if looks_like_a_name {
            let right = "its IP address; a name cannot be looked up before there is a server to ask";
            Fault::new(format!("{place:?} is not an address"), right)
        } else {
            fault
        }
    })?;
    let ip = address.ip();
    if ip.is_unspecified() || ip.is_multicast() {
        return Err(Fault::new(format!("{text:?} is no server's address"), "the address of one server"));
    }
    if address.port() == 0 {
        return Err(Fault::new(format!("{text:?} has port 0"), format!("a port from 1 to 65535, or none for {port}")));
    }
    Ok(address)
}

/// What to say about a scheme that is not ours.
fn unknown_scheme(text: &str, scheme: &str) -> Fault {
    let right = "one of tls://, tcp://, udp://, auto://";
    if matches!(scheme, "https" | "h2" | "h3" | "quic") {
        return Fault::new(format!("{text:?}: {scheme}:// is not supported by this version"), right);
    }
    Fault::new(format!("{text:?} has the unknown scheme {scheme:?}"), right)
}

/// Whether a certificate can carry `name`: a host name or an address (RFC 8310 section 8.1).
fn check_authentication(text: &str, name: &str) -> Result<(), Fault> {
    match ServerName::try_from(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::new(
            format!("{text:?} has no host name after \"#\""),
            "the name of its certificate, such as \"#dns.example\"",
        )),
    }
}

impl From<&Server> for RawServer {
    fn from(server: &Server) -> Self {
        let name = match &server.authentication {
            Some(Authentication::Name(name)) => Some(name.clone()),
            Some(Authentication::Nothing) | None => None,
        };
        Self { transport: server.transport, addresses: server.addresses().collect(), name }
    }
}

/// As [`parse_server`] reads it, port included.
impl fmt::Display for RawServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.transport.scheme())?;
        for (position, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if position == 0 { "" } else { "," })?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, "#{name}"))
    }
}

//------ Pins ----------------------------------------------------------------

/// What a pin begins with; SHA-256 is the only digest (RFC 7858 section 4.2).
const PIN: &str = "sha256/";

/// Reads a pin, "sha256/" and the base64 of 32 bytes.
pub(super) fn parse_pin(text: &str) -> Result<[u8; 32], Fault> {
    let digest = text.strip_prefix(PIN).and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
    let Some(digest) = digest else {
        return Err(Fault::new(format!("{text:?} is not a pin"), "\"sha256/\" and the base64 of a SHA-256 digest"));
    };
    <[u8; 32]>::try_from(digest).map_err(|digest| {
        Fault::new(
            format!("{text:?} holds {} bytes", digest.len()),
            "the 32 bytes of a SHA-256 digest, 44 characters of base64",
        )
    })
}

/// Prints a pin as [`parse_pin`] reads it.
pub(super) fn print_pin(pin: &[u8; 32]) -> String {
    format!("{PIN}{}", BASE64.encode(pin))
}

//------ Names ---------------------------------------------------------------

/// Longest domain name in text without the last dot: 255 bytes on the wire (RFC 1035 section 2.3.4) less the first length and the root.
const LONGEST_NAME: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// Reads a domain name into the form of [`Zone::name`](super::Zone::name): lower-case, without the last dot; "." is the root.
///
/// Labels are of letters, digits, "-", "_" (RFC 8552) and "/" (RFC 2317): no escapes, so that a name looks the same everywhere.
pub(super) fn parse_domain(text: &str) -> Result<String, Fault> {
    parse_labels(text, false)
}

/// Reads a suffix: a domain name of which one label, but not the last, may be "*", in the form that [`parse_domain`] gives a name.
pub(super) fn parse_suffix(text: &str) -> Result<String, Fault> {
    let name = parse_labels(text, true)?;
    let wrong = |wrong: &str, right: &str| Err(Fault::new(format!("{text:?} {wrong}"), right));
    if name == "." || name.rsplit('.').next() == Some("*") {
        return wrong("holds every name", "a suffix that ends in a label");
    }
    if name.split('.').filter(|label| *label == "*").count() > 1 {
        return wrong("has more than one \"*\"", "one \"*\", or a suffix for each of its values");
    }
    Ok(name)
}

/// Reads a name that stands for all below it, in the form that [`parse_domain`] gives a name; not the root, which would be everything.
pub(super) fn parse_top(text: &str) -> Result<String, Fault> {
    match parse_labels(text, false)?.as_str() {
        "." => Err(Fault::new(format!("{text:?} holds every name"), "a domain name with a label")),
        name => Ok(name.to_owned()),
    }
}

/// Reads an exemption: a suffix, and perhaps "=" and the prefixes that its names may have, with commas between them.
pub(super) fn parse_exemption(text: &str) -> Result<Exemption, Fault> {
    let (suffix, within) = match text.split_once('=') {
        None => (text, Vec::new()),
        Some((suffix, prefixes)) => (suffix, prefixes.split(',').map(parse_prefix).collect::<Result<_, _>>()?),
    };
    Ok(Exemption { suffix: parse_suffix(suffix)?, within })
}

/// As [`parse_exemption`] reads it.
impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.suffix)?;
        for (position, prefix) in self.within.iter().enumerate() {
            write!(f, "{}{prefix}", if position == 0 { "=" } else { "," })?;
        }
        Ok(())
    }
}

/// Reads a domain name; `stars` tells whether a label may be "*".
fn parse_labels(text: &str, stars: bool) -> Result<String, Fault> {
    if text == "." {
        return Ok(text.to_owned());
    }
    let fault = |wrong: &str, right: &str| Err(Fault::new(format!("{text:?} {wrong}"), right));
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return fault("is not a name", "a domain name, or \".\" for all names");
    }
    if !name.is_ascii() {
        return fault("is not in ASCII", "its form with \"xn--\"");
    }
    if name.len() > LONGEST_NAME {
        return fault("is too long", "a name of at most 253 characters");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return fault("has an empty label", "a name without two dots in a row or one in front");
        }
        if label.len() > LONGEST_LABEL {
            return fault("has a label that is too long", "labels of at most 63 characters");
        }
        if stars && label == "*" {
            continue;
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte)) {
            return fault(
                "holds a character that is not allowed",
                "letters, digits, \"-\", \"_\" and \"/\" between dots",
            );
        }
    }
    Ok(name.to_ascii_lowercase())
}

//------ Types ---------------------------------------------------------------

/// Types without which answers for others would not be whole: A tells whether a name exists, the others lead on or prove something.
const NEEDED: [u16; 8] =
    [rtype::A, rtype::NS, rtype::CNAME, rtype::SOA, rtype::DNAME, rtype::DS, rtype::RRSIG, rtype::NSEC];

/// Reads a type of records that a name may go without: its name in any letter case, or "TYPE" and its number (RFC 3597 section 5).
pub(super) fn parse_type(text: &str) -> Result<u16, Fault> {
    match record::type_number(text) {
        None => Err(Fault::new(format!("{text:?} is no type of records"), "a name such as \"AAAA\", or \"TYPE65\"")),
        Some(0 | rtype::OPT | rtype::FIRST_META..=rtype::LAST_META) => {
            Err(Fault::new(format!("{text:?} is never the type of a record"), "a type such as \"AAAA\""))
        }
        Some(number) if NEEDED.contains(&number) => {
            Err(Fault::new(format!("{text:?} is needed to answer for other types"), "a type such as \"AAAA\""))
        }
        Some(number) => Ok(number),
    }
}

/// Reads a type that may be asked for, in the same forms; "ANY" is all of them.
pub(super) fn parse_query_type(text: &str) -> Result<u16, Fault> {
    record::question_type(text).ok_or_else(|| {
        Fault::new(format!("{text:?} is no type of records"), "a name such as \"AAAA\", \"TYPE65\", or \"ANY\"")
    })
}

/// Prints a type as [`parse_type`] reads it.
pub(super) fn print_type(number: u16) -> String {
    record::type_name(number).to_string()
}
