//! A node of Kubernetes without tunnels: what its pods ask in a week, the strange parts above all.
//!
//! Half of what looks like a tunnel here is of domains that the built-in list knows, half of domains that nobody knows: content networks, tenants, gateways
//! and telemetry of companies that no list has.

use std::net::IpAddr;

use super::names::{Dice, of};
use super::tools::{A, AAAA, CNAME, MX, SRV, TXT};
use super::world::{Answer, Question};

/// Service binding.
const HTTPS: u16 = 65;
/// Pointer.
const PTR: u16 = 12;
/// Name servers.
const NS: u16 = 2;

/// What resolvers of pods try first for names with fewer than five dots.
const SEARCH: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

/// Pods of the node.
const PODS: u64 = 40;

/// The node.
pub(crate) struct Pods {
    /// Chance.
    dice: Dice,
    /// Milliseconds since the beginning.
    pub(crate) at_ms: u64,
    /// Milliseconds between things that happen, on average.
    mean_ms: f64,
    /// What happens now.
    batch: Vec<(u64, Question)>,
    /// Counts deployments, so that their names are new.
    epoch: u64,
}

impl Pods {
    /// One where something happens every `mean_ms` milliseconds.
    pub(crate) fn new(seed: u64, mean_ms: f64) -> Self {
        Self { dice: Dice::new(seed), at_ms: 1_000, mean_ms, batch: Vec::new(), epoch: 0 }
    }

    /// The next things that are asked, each with its time.
    pub(crate) fn next(&mut self) -> Vec<(u64, Question)> {
        self.at_ms += self.dice.wait(self.mean_ms) as u64;
        // Deployed anew twice a day.
        self.epoch = self.at_ms / 43_200_000;
        self.batch.clear();
        match self.dice.below(1_000) {
            0..430 => self.services(),
            430..600 => self.outside(),
            600..650 => self.telemetry(),
            650..710 => self.storage(),
            710..740 => self.page(),
            740..780 => self.mail(),
            780..800 => self.scanner(),
            800..815 => self.certificates(),
            815..845 => self.tenants(),
            845..875 => self.brokers(),
            875..905 => self.reverse(),
            905..935 => self.crawler(),
            935..945 => self.gateway(),
            945..960 => self.mirrors(),
            960..975 => self.containers(),
            975..985 => self.cache_buster(),
            _ => self.directory(),
        }
        self.batch.sort_by_key(|(at, _)| *at);
        std::mem::take(&mut self.batch)
    }

    //------ How pods ask ------------------------------------------------------------------------------------------------

    /// A pod's address.
    fn pod(number: u64) -> IpAddr {
        IpAddr::from((0x0AF4_0100 + u32::try_from(number % PODS).unwrap()).to_be_bytes())
    }

    /// One question.
    fn ask(&mut self, after_ms: u64, pod: u64, name: String, qtype: u16, answer: Answer) {
        self.batch.push((self.at_ms + after_ms, Question { client: Self::pod(pod), name, qtype, answer }));
    }

    /// As the C library asks: by the search path if there are few dots, for A and AAAA.
    fn resolve(&mut self, after_ms: u64, pod: u64, name: &str, answer: Answer) {
        let mut at = after_ms;
        if name.matches('.').count() < 5 {
            // A third of the pods have a search path of their company, too.
            let company = pod.is_multiple_of(3).then_some("corp.bigfirm.com");
            for suffix in SEARCH.into_iter().chain(company) {
                for qtype in [A, AAAA] {
                    let whole = format!("{name}.{suffix}");
                    if whole.len() < 250 {
                        self.ask(at, pod, whole, qtype, Answer::denied());
                    }
                }
                at += 2;
            }
        }
        self.both(at, pod, name, answer);
    }

    /// A and AAAA of a name as it is.
    fn both(&mut self, after_ms: u64, pod: u64, name: &str, answer: Answer) {
        let has_v6 = of(77, name.len() as u64).percent(40);
        let only_v4 = pod % 7 == 3;
        self.ask(after_ms, pod, name.to_owned(), A, answer);
        if !only_v4 {
            self.ask(after_ms + 1, pod, name.to_owned(), AAAA, if has_v6 { answer } else { Answer::nothing() });
        }
    }

    //------ What they ask -----------------------------------------------------------------------------------------------

    /// Services of the cluster, headless ones included.
    fn services(&mut self) {
        let pod = self.dice.below(PODS);
        let (service, namespace) = (self.dice.popular(300), self.dice.below(6));
        let mut named = of(1, service);
        let host = format!("{}-{}", named.word(), named.word());
        let name = if self.dice.percent(30) {
            let hash = of(2, service * 100 + self.epoch).text(b"bcdfghjklmnpqrstvwxz2456789", 10);
            format!("{host}-{hash}-{}.{host}-headless.ns{namespace}", self.dice.below(3))
        } else {
            format!("{host}.ns{namespace}")
        };
        for qtype in [A, AAAA] {
            self.ask(0, pod, format!("{name}.svc.cluster.local"), qtype, Answer::good(5));
        }
        if self.dice.percent(5) {
            self.ask(1, pod, format!("_grpc._tcp.{name}.svc.cluster.local"), SRV, Answer::good(5));
        }
    }

    /// Names of the company and its suppliers, which everybody asks for again and again.
    fn outside(&mut self) {
        let pod = self.dice.below(PODS);
        let which = self.dice.popular(2_000);
        let mut named = of(3, which);
        let name = format!("{}.{}{}.com", named.word(), named.word(), named.word());
        let ttl = [5, 20, 60, 300, 3_600][usize::try_from(named.below(5)).unwrap()];
        self.resolve(0, pod, &name, Answer::good(u32::try_from(ttl).unwrap()));
    }

    /// Hosts called by an organisation's or a device's identifier.
    fn telemetry(&mut self) {
        let pod = self.dice.below(PODS);
        let mut named = of(4, pod);
        let name = match self.dice.below(4) {
            0 => format!("o{}.ingest.sentry.io", named.below(9_999_999)),
            1 => format!("{}.collector.tracepoint.io", named.hex(32)),
            2 => format!("{}-agent.apm-vendor.net", named.uuid()),
            _ => format!("intake-{}.logs.observability.cloud", named.hex(8)),
        };
        self.resolve(0, pod, &name, Answer::good(60));
    }

    /// Load balancers, buckets and databases.
    fn storage(&mut self) {
        let pod = self.dice.below(PODS);
        let which = self.dice.popular(3_000);
        let mut named = of(5, which);
        let name = match which % 7 {
            0 => format!("{}-{}-{}.s3.eu-central-1.amazonaws.com", named.word(), named.word(), named.hex(12)),
            1 => format!("internal-{}-{}.eu-west-1.elb.amazonaws.com", named.hex(32), named.below(2_000_000_000)),
            2 => format!(
                "db-{}.{}.eu-west-1.rds.amazonaws.com",
                named.word(),
                named.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 12)
            ),
            3 => format!("{}.blob.core.windows.net", named.hex(24)),
            4 => format!("{}{}.privatelink.database.windows.net", named.word(), named.hex(8)),
            // A provider that no list knows.
            5 => format!("bucket-{}.objects.smallcloud.eu", named.hex(20)),
            _ => format!("pg-{}.db.hostedthings.net", named.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 16)),
        };
        self.resolve(0, pod, &name, Answer::good(if which % 7 == 2 { 5 } else { 60 }));
    }

    /// A page in a browser without a screen: many hosts at once, called by hashes, and names that a browser makes up.
    fn page(&mut self) {
        let pod = 30 + self.dice.below(4);
        let site = self.dice.popular(5_000);
        let mut named = of(6, site);
        let domain = format!("{}{}.com", named.word(), named.word());
        self.resolve(0, pod, &format!("www.{domain}"), Answer::good(60));
        self.ask(3, pod, format!("www.{domain}"), HTTPS, Answer::nothing());
        for part in 0..named.between(5, 45) {
            let mut host = of(7, site * 64 + part);
            let name = match host.below(6) {
                0 => format!("{}.cloudfront.net", host.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 14)),
                1 => format!("e{}.dscb.akamaiedge.net", host.below(99_999)),
                // Content networks that no list knows.
                2 => format!("{}.pull.fastbits-cdn.com", host.hex(16)),
                3 => format!("{}.assets.{domain}", host.hex(8)),
                4 => format!("img{}.{domain}", host.below(20)),
                _ => format!("{}--{}.edge.deliverynet.io", host.hex(12), host.word()),
            };
            let after = 50 + self.dice.below(1_500);
            self.both(after, pod, &name, Answer::good(30));
            self.ask(after + 2, pod, name, HTTPS, Answer::nothing());
        }
        if self.dice.percent(10) {
            for _ in 0..3 {
                let length = self.dice.between(7, 15);
                let name = self.dice.text(b"abcdefghijklmnopqrstuvwxyz", length);
                self.resolve(5, pod, &name, Answer::denied());
            }
        }
    }

    /// A mail server: keys, policies, block lists.
    fn mail(&mut self) {
        let pod = 35;
        let sender = self.dice.popular(20_000);
        let mut named = of(8, sender);
        let domain = format!("{}{}{}.com", named.word(), named.word(), named.below(50));
        let selector = match named.below(4) {
            0 => "selector1".to_owned(),
            1 => format!("s{}", named.below(4_096)),
            2 => format!("k{}", named.below(4)),
            _ => named.text(b"abcdefghijklmnopqrstuvwxyz234567", 32),
        };
        self.ask(0, pod, domain.clone(), MX, Answer::good(3_600));
        self.ask(1, pod, domain.clone(), TXT, Answer::bytes(3_600, 300));
        self.ask(2, pod, format!("{selector}._domainkey.{domain}"), TXT, Answer::bytes(3_600, 420));
        self.ask(3, pod, format!("_dmarc.{domain}"), TXT, Answer::bytes(3_600, 90));
        for include in 0..named.below(5) {
            self.ask(4 + include, pod, format!("_spf{include}.{domain}"), TXT, Answer::bytes(3_600, 250));
        }
        let [a, b, c, d] = (0x0B00_0000 + u32::try_from(self.dice.popular(2_000_000)).unwrap()).to_be_bytes();
        for list in ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "dnsbl.smallmailers.net"] {
            let answer = if self.dice.percent(40) { Answer::good(300) } else { Answer::denied() };
            self.ask(10, pod, format!("{d}.{c}.{b}.{a}.{list}"), A, answer);
        }
        self.ask(12, pod, format!("{d}.{c}.{b}.{a}.in-addr.arpa"), PTR, Answer::good(3_600));
        if self.dice.percent(30) {
            let hash = self.dice.text(b"abcdefghijklmnopqrstuvwxyz234567", 40);
            self.ask(13, pod, format!("{hash}.customerkey._email.hbl.dq.spamhaus.net"), A, Answer::denied());
        }
        // A macro of SPF: the sender's address within a name (RFC 7208 section 7).
        if named.percent(5) {
            self.ask(
                14,
                pod,
                format!("{a}.{b}.{c}.{d}._ip.{}._ehlo.{domain}._spf.vali.email", named.word()),
                TXT,
                Answer::bytes(60, 40),
            );
        }
    }

    /// A virus scanner: files by their hash.
    fn scanner(&mut self) {
        let pod = 36;
        let hash = self.dice.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 26);
        let digest = self.dice.hex(32);
        let (name, qtype) = match self.dice.below(4) {
            0 => (format!("{hash}.avqs.mcafee.com"), A),
            1 => (format!("{digest}.hash.cymru.com"), TXT),
            2 => (format!("{}.{hash}.00.s.sophosxl.net", self.dice.below(8)), TXT),
            _ => (format!("{hash}.{digest}.avts.mcafee.com"), A),
        };
        let answer = if self.dice.percent(70) { Answer::denied() } else { Answer::bytes(300, 60) };
        self.ask(0, pod, name, qtype, answer);
    }

    /// Challenges of certificates, asked until they are there.
    fn certificates(&mut self) {
        let pod = 37;
        let which = self.dice.popular(400);
        let mut named = of(9, which);
        let domain = format!("{}.{}{}.com", named.word(), named.word(), named.word());
        for attempt in 0..4 {
            let answer = if attempt < 2 { Answer::denied() } else { Answer::bytes(60, 60) };
            self.ask(attempt * 5_000, pod, format!("_acme-challenge.{domain}"), TXT, answer);
        }
        self.ask(9, pod, format!("_acme-challenge.{domain}"), CNAME, Answer::bytes(300, 60));
        self.ask(20, pod, format!("{}.acme.dnschallenge.example-ca.org", named.uuid()), TXT, Answer::bytes(60, 60));
        self.ask(21, pod, domain.clone(), 257, Answer::nothing());
        self.ask(22, pod, domain, NS, Answer::good(3_600));
    }

    /// A program that goes through its customers, each with a host called by an UUID.
    fn tenants(&mut self) {
        let pod = 10 + self.dice.below(3);
        let start = self.dice.below(600);
        for step in 0..self.dice.between(1, 20) {
            let mut named = of(10, (start + step) % 600);
            let name = format!("{}.tenants.workflow-saas.com", named.uuid());
            self.resolve(step * 150, pod, &name, Answer::good(300));
        }
    }

    /// Brokers and databases with long names, service records first.
    fn brokers(&mut self) {
        let pod = self.dice.below(PODS);
        let cluster = self.dice.below(12);
        let mut named = of(11, cluster);
        let id = named.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 22);
        if cluster.is_multiple_of(3) {
            let shard = named.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 5);
            self.ask(
                0,
                pod,
                format!("_mongodb._tcp.cluster{cluster}.{shard}.mongodb.net"),
                SRV,
                Answer::bytes(60, 200),
            );
            self.ask(1, pod, format!("cluster{cluster}.{shard}.mongodb.net"), TXT, Answer::bytes(60, 60));
        }
        for broker in 0..9 {
            self.resolve(5 + broker, pod, &format!("b-{broker}.{id}.kafka.streamvendor.net"), Answer::good(60));
        }
    }

    /// Addresses to names: nodes of the cluster and everybody in a log.
    fn reverse(&mut self) {
        let pod = self.dice.below(PODS);
        let number = u32::try_from(self.dice.popular(300_000)).unwrap();
        if self.dice.percent(30) {
            let nibbles: Vec<String> =
                format!("{:032x}", 0x2A01_04F8_0000_0000_0000_0000_0000_0000_u128 + u128::from(number) * 0x1_0001)
                    .chars()
                    .rev()
                    .map(String::from)
                    .collect();
            self.ask(0, pod, format!("{}.ip6.arpa", nibbles.join(".")), PTR, Answer::denied());
        } else {
            let [a, b, c, d] = (0x0A00_0000 + number).to_be_bytes();
            self.ask(0, pod, format!("{d}.{c}.{b}.{a}.in-addr.arpa"), PTR, Answer::denied());
        }
    }

    /// A crawler: many domains, few names of each; some platforms with many.
    fn crawler(&mut self) {
        let pod = 38;
        for page in 0..self.dice.between(1, 8) {
            let which = self.dice.popular(200_000);
            let mut named = of(12, which);
            let name = match which % 10 {
                0 => format!("{}{}.blogging-platform.com", named.word(), named.below(9_999)),
                1 => format!("{}-{}-{}.shophoster.net", named.word(), named.word(), named.below(999)),
                2 => format!("{}.xn--{}.com", named.word(), named.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 9)),
                _ => format!("www.{}{}{}.org", named.word(), named.word(), named.below(999)),
            };
            self.resolve(page * 80, pod, &name, Answer::good(300));
        }
    }

    /// Contents by their hash, in hosts of a gateway.
    fn gateway(&mut self) {
        let pod = 39;
        for part in 0..self.dice.between(1, 6) {
            let mut named = of(13, self.dice.popular(4_000));
            let cid = named.text(b"abcdefghijklmnopqrstuvwxyz234567", 52);
            let host = if named.percent(50) { "ipfs.dweb.link" } else { "ipfs.nft-pictures.io" };
            self.both(part * 40, pod, &format!("bafybei{cid}.{host}"), Answer::good(60));
        }
    }

    /// Packages and images.
    fn mirrors(&mut self) {
        let pod = 20 + self.dice.below(4);
        let hosts = [
            "deb.debian.org",
            "registry.npmjs.org",
            "files.pythonhosted.org",
            "registry-1.docker.io",
            "proxy.golang.org",
            "production.cloudflare.docker.com",
        ];
        let host = hosts[usize::try_from(self.dice.below(6)).unwrap()];
        self.resolve(0, pod, host, Answer::good(120));
        let blob = of(14, self.dice.popular(2_000)).hex(16);
        self.resolve(4, pod, &format!("{blob}.r2.cloudflarestorage.com"), Answer::good(60));
        self.ask(6, pod, format!("_http._tcp.{host}"), SRV, Answer::denied());
    }

    /// Containers of a build machine that look for themselves, by twelve digits.
    fn containers(&mut self) {
        let pod = 21 + 3 * self.dice.below(2);
        let id = self.dice.hex(12);
        self.resolve(0, pod, &id, Answer::denied());
    }

    /// A probe that asks for what no cache can know.
    fn cache_buster(&mut self) {
        let pod = 5;
        let name = format!(
            "probe-{}.resolver-check.{}.net",
            self.dice.below(1_000_000_000),
            of(15, self.at_ms / 86_400_000).word()
        );
        self.ask(0, pod, name, A, Answer::good(1));
    }

    /// A directory of Windows.
    fn directory(&mut self) {
        let pod = self.dice.below(PODS);
        let domain = "ad.bigfirm.com";
        self.ask(
            0,
            pod,
            format!("_ldap._tcp.default-first-site-name._sites.dc._msdcs.{domain}"),
            SRV,
            Answer::bytes(600, 200),
        );
        self.ask(1, pod, format!("_kerberos._tcp.{domain}"), SRV, Answer::bytes(600, 200));
        let mut named = of(16, self.dice.below(6));
        self.ask(2, pod, format!("{}._msdcs.{domain}", named.uuid()), CNAME, Answer::bytes(600, 60));
        let host = format!("dc{:02}.{domain}", self.dice.below(6));
        self.resolve(3, pod, &host, Answer::good(600));
    }
}
