"""The chart: the objects of kustomize, values that are refused, values that do what they say."""

import tomllib
import unittest

from common import (
    CHART, ROOT, TOOLS, WAYS, changed, charted, configuration, container, daemonset, differences, objects, pod, run, toml,
)
from test_objects import VERSIONS, flaws
from test_semantics import check

# Labels that say who made an object; kustomize makes none.
MADE = ["app.kubernetes.io/managed-by", "helm.sh/chart"]


def plain(found):
    """Objects without the labels of whoever made them, and with the configuration as what it says."""
    kept = {}
    for name, one in found.items():
        labels = {key: value for key, value in one["metadata"].get("labels", {}).items() if key not in MADE}
        one = changed(one, ("metadata", "labels"), labels)
        if name == ("ConfigMap", "nodens"):
            one["data"] = {"nodens.toml": tomllib.loads(one["data"]["nodens.toml"])}
        kept[name] = one
    return kept


def values(way):
    """The arguments that make a way to install."""
    return [] if way == "base" else ["--values", CHART / f"ci/{way}-values.yaml"]


class Chart(unittest.TestCase):
    def test_helm_finds_nothing_wrong_with_it(self):
        for way in WAYS:
            done = run(TOOLS / "helm", "lint", "--strict", CHART, *values(way))
            self.assertIn("0 chart(s) failed", done.stdout)

    def test_it_makes_what_kustomize_makes(self):
        for way in WAYS:
            ours, theirs = plain(objects(way)), plain(charted(*values(way)))
            self.assertEqual(sorted(theirs), sorted(ours), way)
            for name in ours:
                self.assertEqual(differences(theirs[name], ours[name]), [], f"{way} {name}")

    def test_a_difference_is_seen(self):
        ours, theirs = plain(objects("base")), plain(charted("--set", "minReadySeconds=11,clusterDomain=other.local"))
        seen = [path for name in ours for path in differences(theirs[name], ours[name])]
        self.assertEqual(seen, ["data.nodens.toml.zone[0].name", "spec.minReadySeconds"])

    def test_it_can_be_packed_and_used_from_the_package(self):
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            run(TOOLS / "helm", "package", CHART, "--destination", folder)
            packed = f"{folder}/nodens-0.1.0.tgz"
            text = run(TOOLS / "helm", "template", "nodens", packed, "--namespace", "kube-system", "--set", "monitoring.enabled=true").stdout
            self.assertIn("alert: NodensDown", text)

    def test_its_version_is_the_daemons(self):
        version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
        self.assertEqual(container(charted())["image"], f"nodens:{version}")
        self.assertEqual(container(objects("base"))["image"], f"nodens:{version}")


class Values(unittest.TestCase):
    def test_wrong_ones_are_refused_by_name(self):
        for wrong, said in [
            ("mode=ipvz", "/mode"),
            ("moed=ipvs", "moed"),
            ("addresses.local=169.254.20.300", "/addresses/local"),
            ("addresses.kubeDNS=kube-dns", "/addresses/kubeDNS"),
            ("image.tag=latest", "/image/tag"),
            ("image.digest=sha256:abc", "/image/digest"),
            ("upstream.servers={}", "/upstream/servers"),
            ("upstream.servers={https://dns.example}", "/upstream/servers/0"),
            ("rebinding.mode=maybe", "/rebinding/mode"),
            ("rebinding.presets={ovh}", "/rebinding/presets/0"),
            ("dnssec=on", "/dnssec"),
            ("clientRate=-1", "/clientRate"),
            ("clientRate=many", "/clientRate"),
            ("allow={everybody}", "/allow/0"),
            ("monitoring.interval=30", "/monitoring/interval"),
            ("updateStrategy.type=Recreate", "/updateStrategy/type"),
            ("updateStrategy.rollingUpdate.maxSurge=some", "/updateStrategy/rollingUpdate/maxSurge"),
            ("networkPolicies.enabled=perhaps", "/networkPolicies/enabled"),
            ("resources.limit.memory=1Gi", "limit"),
        ]:
            done = charted("--set", wrong, check=False)
            self.assertNotEqual(done.returncode, 0, wrong)
            self.assertIn(said, done.stderr, wrong)

    def test_each_does_what_it_says(self):
        cases = {
            "clusterDomain=corp.example": lambda found: toml(found)["zone"][0]["name"] == "corp.example",
            "addresses.kubeDNSUpstream=10.96.0.99": lambda found: (
                toml(found)["upstream"][0]["servers"] == ["tcp://10.96.0.99"]
                and found["Service", "kube-dns-upstream"]["spec"]["clusterIP"] == "10.96.0.99"
            ),
            "addresses.local=169.254.25.10": lambda found: (
                toml(found)["listen"]["addresses"] == ["169.254.25.10"]
                and container(found)["readinessProbe"]["httpGet"]["host"] == "169.254.25.10"
                and container(found)["livenessProbe"]["httpGet"]["host"] == "169.254.25.10"
                and toml(found)["health"]["listen"] == "169.254.25.10:8080"
            ),
            "stubDomains[0].name=corp.example,stubDomains[0].servers={10.1.0.53}": lambda found: (
                toml(found)["upstream"][1]["servers"] == ["10.1.0.53"] and toml(found)["zone"][3]["class"] == "internal"
            ),
            "rebinding.mode=block,rebinding.presets={aws},rebinding.exempt={corp.example}": lambda found: (
                toml(found)["zone"][-1]["rebinding"] == {"mode": "block", "presets": ["aws"], "exempt": ["corp.example"]}
            ),
            "dnssec=validate": lambda found: toml(found)["zone"][-1]["dnssec"] == "validate",
            "clientRate=100": lambda found: toml(found)["limits"] == {"client-rate": 100},
            "detect=block": lambda found: toml(found)["detect"]["mode"] == "block",
            "allow={10.1.0.0/16}": lambda found: toml(found)["listen"]["allow"] == ["10.1.0.0/16"],
            "upstream.servers={tls://192.0.2.1#dns.example}": lambda found: (
                toml(found)["upstream"][1]["servers"] == ["tls://192.0.2.1#dns.example"]
            ),
            "image.digest=sha256:" + "0" * 64: lambda found: container(found)["image"] == "nodens@sha256:" + "0" * 64,
            "image.pullSecrets[0].name=key": lambda found: pod(found)["imagePullSecrets"] == [{"name": "key"}],
            "appArmor=true": lambda found: pod(found)["securityContext"]["appArmorProfile"] == {"type": "RuntimeDefault"},
            "podAnnotations.team=dns": lambda found: daemonset(found)["spec"]["template"]["metadata"]["annotations"]["team"] == "dns",
            "nodeSelector.pool=dns": lambda found: pod(found)["nodeSelector"]["pool"] == "dns",
            "updateStrategy.type=OnDelete,updateStrategy.rollingUpdate=null": lambda found: (
                daemonset(found)["spec"]["updateStrategy"] == {"type": "OnDelete"}
            ),
            "dashboard.enabled=true": lambda found: (
                found["ConfigMap", "nodens-dashboard"]["data"]["nodens.json"] == (ROOT / "packaging/grafana/nodens.json").read_text()
            ),
        }
        for given, holds in cases.items():
            found = charted("--set", given)
            self.assertTrue(holds(found), f"{given}\n{configuration(found)}")
            self.assertEqual(check(configuration(found)), "", given)
            for name, one in found.items():
                self.assertEqual(flaws(one, VERSIONS[-1]), "", f"{given} {name}")

    def test_the_whole_configuration_can_be_given(self):
        own = CHART.parents[2] / "config/kubernetes.toml"
        found = charted("--set-file", f"config={own}")
        self.assertEqual(configuration(found).strip(), own.read_text().strip())
        more = charted("--set", 'extraConfig=[local]\nidentity = "auto"')
        self.assertEqual(toml(more)["local"], {"identity": "auto"})
        self.assertEqual(check(configuration(more)), "")


if __name__ == "__main__":
    unittest.main()
