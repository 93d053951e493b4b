//! Domains that no tunnel goes through, however strange their names: no customer can have a part of them served by servers of his own.
//!
//! That is what lets a name in, not that it is well known: who can rent a subdomain with its own NS records is not here. What a list like this
//! cannot have is what the operator's company uses; that is `detect.exempt`.

use crate::wire::suffixes::Suffixes;

/// Why names look like data, and their ends.
type Group = (&'static str, &'static str);

/// The built-in list.
const BUILT_IN: &[Group] = &[
    ("names that say an address", "in-addr.arpa ip6.arpa"),
    ("names of one link or machine", "local localhost home.arpa localdomain"),
    (
        "content networks: hosts called by hashes",
        "akadns.net akahost.net akam.net akamai.com akamai.net akamaiedge.net akamaihd.net akamaized.net \
         akamaistream.net akamaitechnologies.com edgekey.net edgesuite.net srip.net cloudfront.net fastly.net \
         fastlylb.net fastly-edge.com cdn77.org cdn77.net cdngc.net cdnetworks.net b-cdn.net bunnycdn.com \
         bunnyinfra.net cachefly.net cloudflare.net cloudflare.com cloudflareinsights.com cloudflare-dns.com \
         edgecastcdn.net systemcdn.net footprint.net gcdn.co gccdn.net hwcdn.net incapdns.net impervadns.net kxcdn.com \
         llnwd.net llnwi.net lswcdn.net netdna-cdn.com stackpathdns.com stackpathcdn.com section.io msecnd.net \
         azureedge.net azurefd.net alikunlun.com kunlunsl.com kunlunar.com kunluncan.com alicdn.com cdngslb.com \
         chinacache.net chinanetcenter.com wscdns.com wsdvs.com tencent-cloud.net dnsv1.com qiniudns.com \
         yunjiasu-cdn.net googlevideo.com googleusercontent.com ggpht.com gvt1.com gvt2.com gvt3.com fbcdn.net \
         cdninstagram.com twimg.com nflxvideo.net nflxext.com ttvnw.net aaplimg.com apple-dns.net applimg.com \
         steamcontent.com spotifycdn.com scdn.co sndcdn.com jsdelivr.net imgix.net shopifycdn.com wp.com tiktokcdn.com \
         byteimg.com bytefcdn-oversea.com lencr.org",
    ),
    (
        "clouds: load balancers, storage, databases and functions called by long identifiers",
        "amazonaws.com amazonaws.com.cn aws awsglobalaccelerator.com awsapprunner.com awsapps.com awsdns.com \
         elasticbeanstalk.com media-amazon.com ssl-images-amazon.com amazon.com compute.internal ec2.internal azure.com \
         azure.net azurewebsites.net azurecontainer.io azurecontainerapps.io azurecr.io azmk8s.io azure-api.net \
         azure-devices.net azuredatabricks.net azurehdinsight.net azurestaticapps.net azureml.ms azuresynapse.net \
         cloudapp.net trafficmanager.net windows.net windowsazure.com microsoftonline.com office.com office.net \
         office365.com sharepoint.com microsoft.com msedge.net windowsupdate.com t-msedge.net googleapis.com goog \
         run.app cloudfunctions.net appspot.com gstatic.com gcr.io pkg.dev google.com withgoogle.com 1e100.net \
         oraclecloud.com oraclecloudapps.com oraclevcn.com oci.customer-oci.com appdomain.cloud ibm.com \
         digitaloceanspaces.com ondigitalocean.app ondigitalocean.com linodeobjects.com linodelke.net vultrobjects.com \
         vultr-k8s.com aliyuncs.com aliyun.com alibabadns.com myqcloud.com tencentcs.com tencentcos.cn tencentelb.net \
         myhuaweicloud.com hwclouds-dns.com scw.cloud ovh.net ovh.us your-objectstorage.com backblazeb2.com \
         wasabisys.com r2.dev cloudflarestorage.com workers.dev pages.dev netlify.app vercel.app vercel-dns.com \
         vercel-dns-017.com now.sh herokuapp.com herokudns.com herokussl.com fly.dev fly.io onrender.com railway.app \
         rlwy.net supabase.co neon.tech mongodb.net mongodb.com mongodbgov.net confluent.cloud elastic-cloud.com \
         cloud.es.io found.io aivencloud.com scylla.cloud planetscale.com psdb.cloud snowflakecomputing.com \
         databricks.com clickhouse.cloud upstash.io redislabs.com redis-cloud.com rediscloud.com cockroachlabs.cloud \
         timescale.com singlestore.com couchbase.com astra.datastax.com hashicorp.cloud rancher.cloud",
    ),
    (
        "gateways that call a host by the hash of what it shows",
        "dweb.link ipfs.io cf-ipfs.com w3s.link nftstorage.link mypinata.cloud infura-ipfs.io 4everland.io ipns.io \
         onion.ws onion.ly onion.pet oaiusercontent.com oaistatic.com githubusercontent.com gitlab-static.net \
         codesandbox.io stackblitz.io webcontainer.io gitpod.io github.dev repl.co replit.dev glitch.me plex.direct \
         ui.direct myqnapcloud.com ts.net synology.me",
    ),
    (
        "block and allow lists of mail servers: addresses backwards, hashes of domains, keys of customers",
        "spamhaus.org spamhaus.net spamhaustech.com spamcop.net barracudacentral.org barracudabrts.com abuseat.org \
         surbl.org uribl.com uribl.net mailspike.net mailspike.org mailspike.io dnswl.org uceprotect.net uceprotect.com \
         spamrats.com dronebl.org surriel.com invaluement.com junkemailfilter.com blocklist.de backscatterer.org \
         senderscore.com isipp.com s5h.net manitu.net interserver.net gbudb.net nordspam.com msbl.org ahbl.org \
         sorbs.net njabl.org habeas.com bondedsender.org wpbl.info ascams.com 0spam.org abusix.zone mail-abuse.com \
         mail-abuse.org emailbasura.org efnetrbl.org tornevall.org anonmails.de nixspam.org fabel.dk \
         spameatingmonkey.net fusionzero.com kundenserver.de orvedb.aupads.org pedantic.org rspamd.com bofhit.fi \
         hostkarma.com dnsbl.info dnsbl.net.au list.dsbl.org ivmuri.com support-intelligence.net swinog.ch spfbl.net \
         torproject.org dan.me.uk zapbl.net validity.com",
    ),
    (
        "virus scanners and reputation services: hashes of files and addresses in the name",
        "mcafee.com trellix.com trendmicro.com sophosxl.net sophosxl.com sophos.com cymru.com e5.sk eset.com \
         kaspersky-labs.com kaspersky.com clamav.net immunet.com symantec.com symantecliveupdate.com nortoncdn.com \
         norton.com avast.com avcdn.net avg.com bitdefender.net bitdefender.com fortinet.net fortiguard.net \
         fortiguard.com webroot.com webrootcloudav.com brightcloud.com cyren.com ctmail.com zvelo.com webcfs00.com \
         opendns.com umbrella.com senderbase.org ironport.com talosintelligence.com iphmx.com paloaltonetworks.com \
         crowdstrike.com cloudsink.net sentinelone.net cylance.com carbonblack.io checkpoint.com zscaler.net \
         zscaler.com zscalertwo.net zscloud.net netskope.com goskope.com f-secure.com fsapi.com drweb.com panda.com \
         pandasecurity.com comodo.com gdatasecurity.de malwarebytes.com mbamupdates.com virustotal.com \
         safebrowsing.apple rbl-dns.com dshield.org shadowserver.org team-cymru.com team-cymru.org phishtank.com \
         abuse.ch maxmind.com ip2location.com haveibeenpwned.com",
    ),
    (
        "telemetry: hosts called by an organisation's or a device's identifier",
        "sentry.io datadoghq.com datadoghq.eu ddog-gov.com newrelic.com nr-data.net nr-assets.net dynatrace.com \
         dynatracelabs.com ruxit.com apm.services honeycomb.io grafana.net rapid7.com loggly.com logz.io sumologic.com \
         splunkcloud.com splunk.com signalfx.com instana.io appdynamics.com eum-appdynamics.com bugsnag.com rollbar.com \
         segment.io segment.com mixpanel.com amplitude.com launchdarkly.com statsig.com optimizely.com \
         app-measurement.com crashlytics.com firebaseio.com appsflyer.com appsflyersdk.com adjust.com branch.io \
         app.link akstat.io mpulse.net go-mpulse.net omtrdc.net 2o7.net demdex.net everesttech.net adobedc.net \
         doubleclick.net googlesyndication.com google-analytics.com 2mdn.net moatads.com scorecardresearch.com \
         cedexis-radar.net cedexis.com nsone.net footprintdns.com edgecompute.app pingdom.net statuspage.io pendo.io \
         intercom.io zendesk.com zdassets.com okta.com auth0.com onelogin.com slack-edge.com slack.com slackb.com \
         slack-msgs.com zoom.us webex.com nest.com sonos.com meraki.com ubnt.com teamviewer.com anydesk.com logmein.com",
    ),
    (
        "certificates: challenges and revocation",
        "acme-dns.io letsencrypt.org acme-validations.com sectigo.com digicert.com globalsign.com comodoca.com \
         verify.bing.com zerossl.com usertrust.com amazontrust.com entrust.net identrust.com ss2.us",
    ),
    (
        "mail: keys of senders, and policies that are put together from many names",
        "amazonses.com sendgrid.net mailgun.org mandrillapp.com mcsv.net sparkpostmail.com mtasv.net outlook.com \
         pphosted.com mimecast.com mimecast.co.za messagelabs.com mailcontrol.com exacttarget.com salesforce.com \
         salesforceliveagent.com force.com hubspotemail.net hubspot.com hs-analytics.net zoho.com agari.com \
         valimail.com vali.email dmarcian.com dmarcian-eu.com ondmarc.com spf-protect.com easydmarc.com easydmarc.pro \
         powerspf.com autospf.email spfmanager.com spfrecord.io spf.report espf.ai pstmrk.it onmicrosoft.com",
    ),
    (
        "mirrors and registries",
        "docker.io docker.com quay.io k8s.io ghcr.io npmjs.org npmjs.com pypi.org pythonhosted.org crates.io \
         rubygems.org maven.org gradle.org debian.org ubuntu.com archlinux.org fedoraproject.org centos.org \
         alpinelinux.org launchpad.net launchpadcontent.net golang.org cloudsmith.io jfrog.io packagecloud.io \
         gitlab.com github.com bitbucket.org atlassian.net atlassian.com atl-paas.net ntp.org",
    ),
];

/// The suffixes that are exempt.
#[derive(Clone, Debug, Default)]
pub struct Exempt(Suffixes<()>);

impl Exempt {
    /// The operator's own suffixes, and the built-in ones if he wants them.
    #[must_use]
    pub fn new(own: &[String], built_in: bool) -> Self {
        let mut table = Suffixes::default();
        for suffix in BUILT_IN.iter().filter(|_| built_in).flat_map(|(_, suffixes)| suffixes.split_whitespace()) {
            table.insert(suffix, ());
        }
        for suffix in own {
            table.insert(suffix, ());
        }
        Self(table)
    }

    /// Whether the folded `name` is below one.
    #[must_use]
    pub fn holds(&self, name: &[u8]) -> bool {
        self.0.find(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name;

    #[test]
    fn the_built_in_list_is_of_names_that_can_be_found() {
        for (why, suffixes) in BUILT_IN {
            assert!(!why.is_empty());
            for suffix in suffixes.split_whitespace() {
                assert!(name::parse(suffix).is_some() && suffix.to_ascii_lowercase() == suffix, "{suffix}");
            }
        }
    }

    #[test]
    fn look_ups_of_scanners_and_lists_are_exempt_and_neighbours_are_not() {
        let exempt = Exempt::new(&["corp.example".to_owned()], true);
        let holds = |text: &str| exempt.holds(&name::parse(text).unwrap());
        for host in [
            "4z9p5tjmcbnblehp4557z1d136.avqs.mcafee.com",
            "2.0.0.127.zen.spamhaus.org",
            "733a48a9cb49651d72fe824ca91e8d00.hash.cymru.com",
            "internal-a1b2c3d4e5f60718293a4b5c6d7e8f90-1234567890.eu-west-1.elb.amazonaws.com",
            "d111111abcdef8.cloudfront.net",
            "4.3.2.1.in-addr.arpa",
            "a.b.corp.example",
        ] {
            assert!(holds(host), "{host}");
        }
        for host in ["a.example", "cloudfront.net.evil.test", "xamazonaws.com", "tunnel.test"] {
            assert!(!holds(host), "{host}");
        }
        assert!(!Exempt::new(&[], false).holds(&name::parse("2.0.0.127.zen.spamhaus.org").unwrap()));
    }
}
