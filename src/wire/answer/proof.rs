//! Signatures and proofs of denial, as far as they belong to an answer.
//!
//! nodens need not understand them to see which are out of place: a proof is one only for names of the zone that has signed it (RFC 4035 section
//! 5.3.1: "The RRSIG RR's Signer's Name field MUST be the name of the zone that contains the RRset"). Whoever validates looks at the rest.

use super::{Answer, Item, MAX_CHAIN, Malformed, Name, plausible_ttl};
use crate::wire::header::rtype;
use crate::wire::record::Record;
use crate::wire::{name, u16_at};

/// Zones of one answer whose proofs are kept: an alias chain rarely leads through more than two. A guess.
const MAX_ZONES: usize = 8;

/// Where the signer's name begins in the RDATA of an RRSIG record (RFC 4034 section 3.1).
const SIGNER: usize = 18;

impl Answer {
    /// Keeps the proofs in the authority section of zones that the question's name, one of its aliases or `target` lies in.
    pub(super) fn write_proofs(&mut self, message: &[u8], items: &[Item], target: Name) -> Result<(), Malformed> {
        let mut zones = Vec::with_capacity(1);
        for item in items.iter().filter(|item| item.section == 1 && item.record.rtype == rtype::RRSIG) {
            let here = message.get(..item.record.end).unwrap_or_default();
            let Some((signer, _)) = name::expand(here, item.record.rdata_start + SIGNER) else { continue };
            let on_path = |name: Name| name::is_below(self.name(name), signer.as_bytes());
            let is_new = zones.len() < MAX_ZONES && zones.iter().all(|zone| !self.is(*zone, signer.as_bytes()));
            if is_new && (on_path(target) || self.reached.iter().any(|reached| on_path(*reached))) {
                zones.push(self.keep(signer.as_bytes()));
            }
        }
        for item in items.iter().filter(|item| item.section == 1) {
            let is_proof = match item.record.rtype {
                rtype::NSEC | rtype::NSEC3 => true,
                rtype::RRSIG => match covered(message, &item.record) {
                    Some(rtype::NSEC | rtype::NSEC3) => true,
                    Some(rtype::SOA) => self.negative_ttl.is_some(),
                    _ => false,
                },
                _ => false,
            };
            if is_proof && zones.iter().any(|zone| name::is_below(self.name(item.owner), self.name(*zone))) {
                let ttl = plausible_ttl(item.record.ttl).min(self.negative_ttl.unwrap_or(u32::MAX));
                self.write(message, item, 1, ttl)?;
            }
        }
        Ok(())
    }

    /// Keeps the signatures in the answer section of the sets of `owner` that are of one of these types.
    pub(super) fn write_signatures(
        &mut self,
        message: &[u8],
        items: &[Item],
        owner: Name,
        types: &[u16],
    ) -> Result<(), Malformed> {
        // One DNAME a link is all that there is in earnest, and looking for its signature is not free.
        if self.dnames.len() > MAX_CHAIN {
            return Ok(());
        }
        for item in items.iter().filter(|item| item.section == 0 && item.record.rtype == rtype::RRSIG) {
            let fits = covered(message, &item.record).is_some_and(|covered| types.contains(&covered));
            if fits && self.same(item.owner, owner) {
                self.write(message, item, 0, plausible_ttl(item.record.ttl))?;
            }
        }
        Ok(())
    }

    /// Whether a name is this one.
    fn is(&self, name: Name, bytes: &[u8]) -> bool {
        name::equal(self.name(name), bytes)
    }
}

/// The type whose set a signature is for.
fn covered(message: &[u8], signature: &Record) -> Option<u16> {
    u16_at(signature.rdata(message), 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Asked, Kind};
    use super::*;

    /// A message in the making.
    struct Builder(Vec<u8>);

    impl Builder {
        /// The response to a question for A of `name` with this RCODE.
        fn new(name: &str, code: u8) -> Self {
            let mut message = vec![0, 0, 0x81, code, 0, 1, 0, 0, 0, 0, 0, 0];
            message.extend(name::parse(name).unwrap());
            message.extend([0, 1, 0, 1]);
            Self(message)
        }

        /// Adds a record; sections must come in order.
        fn add(mut self, section: usize, owner: &str, rtype: u16, data: &[u8]) -> Self {
            self.0[7 + 2 * section] += 1;
            self.0.extend(name::parse(owner).unwrap());
            self.0.extend(rtype.to_be_bytes());
            self.0.extend([0, 1, 0, 0, 0, 60]);
            self.0.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            self.0.extend(data);
            self
        }

        /// Adds a signature of `signer` for the set of `owner` of a type.
        fn sign(self, section: usize, owner: &str, covered: u16, signer: &str) -> Self {
            let mut data = covered.to_be_bytes().to_vec();
            data.resize(SIGNER, 0);
            data.extend(name::parse(signer).unwrap());
            data.extend([1; 8]);
            self.add(section, owner, rtype::RRSIG, &data)
        }

        /// What is left of it for who wants signatures.
        fn read(&self, name: &str) -> Answer {
            let mut answer = Answer::default();
            let name = name::parse(name).unwrap();
            answer.read(&self.0, &Asked { name: &name, qtype: 1, qclass: 1, dnssec_ok: true }).unwrap();
            answer
        }
    }

    /// The data of an SOA record.
    fn soa() -> Vec<u8> {
        let mut data = vec![0, 0];
        data.resize(22, 0);
        data[21] = 60;
        data
    }

    /// The data of an NSEC record that leads to `next`.
    fn nsec(next: &str) -> Vec<u8> {
        [&name::parse(next).unwrap()[..], &[0, 1, 0x40]].concat()
    }

    #[test]
    fn proofs_of_the_names_own_zone_are_kept() {
        let message = Builder::new("www.example.org", 3)
            .add(1, "example.org", rtype::SOA, &soa())
            .sign(1, "example.org", rtype::SOA, "example.org")
            .add(1, "mail.example.org", rtype::NSEC, &nsec("zzz.example.org"))
            .sign(1, "mail.example.org", rtype::NSEC, "example.org");
        let answer = message.read("www.example.org");
        assert_eq!((answer.kind, answer.counts), (Kind::NxDomain, [0, 4, 0]));
    }

    #[test]
    fn proofs_of_other_zones_are_left_out_whoever_signed_them() {
        for (owner, signer) in [
            ("bank.test", "test"),
            ("bank.test", "example.org"),
            ("a.www.example.org", "www.example.org.evil.test"),
            ("a.mail.example.org", "mail.example.org"),
        ] {
            let message = Builder::new("www.example.org", 3)
                .add(1, "example.org", rtype::SOA, &soa())
                .add(1, owner, rtype::NSEC, &nsec("zzz.example.org"))
                .sign(1, owner, rtype::NSEC, signer);
            assert_eq!(message.read("www.example.org").counts, [0, 1, 0], "{owner} {signer}");
        }
    }

    #[test]
    fn a_proof_that_nobody_signed_proves_nothing() {
        let message = Builder::new("www.example.org", 3).add(1, "example.org", rtype::SOA, &soa()).add(
            1,
            "mail.example.org",
            rtype::NSEC,
            &nsec("zzz.example.org"),
        );
        assert_eq!(message.read("www.example.org").counts, [0, 1, 0]);
    }

    #[test]
    fn proofs_of_every_zone_on_an_alias_chain_are_kept() {
        let message = Builder::new("a.example.org", 3)
            .add(0, "a.example.org", rtype::CNAME, &name::parse("b.example.net").unwrap())
            .sign(0, "a.example.org", rtype::CNAME, "example.org")
            .add(1, "*.example.org", rtype::NSEC, &nsec("zzz.example.org"))
            .sign(1, "*.example.org", rtype::NSEC, "example.org")
            .add(1, "example.net", rtype::SOA, &soa())
            .sign(1, "example.net", rtype::SOA, "example.net")
            .add(1, "a.example.net", rtype::NSEC, &nsec("zzz.example.net"))
            .sign(1, "a.example.net", rtype::NSEC, "example.net");
        assert_eq!(message.read("a.example.org").counts, [2, 6, 0]);
    }

    #[test]
    fn signatures_go_with_the_sets_that_are_kept_and_with_no_others() {
        let message = Builder::new("a.x.example.org", 0)
            .add(0, "x.example.org", rtype::DNAME, &name::parse("y.example.org").unwrap())
            .sign(0, "x.example.org", rtype::DNAME, "example.org")
            .sign(0, "x.example.org", rtype::NS, "example.org")
            .add(0, "a.x.example.org", rtype::CNAME, &name::parse("a.y.example.org").unwrap())
            .add(0, "a.y.example.org", rtype::A, &[192, 0, 2, 1])
            .sign(0, "a.y.example.org", rtype::A, "example.org")
            .sign(0, "a.y.example.org", rtype::AAAA, "example.org")
            .sign(0, "b.y.example.org", rtype::A, "example.org");
        assert_eq!(message.read("a.x.example.org").counts, [5, 0, 0]);
    }
}
