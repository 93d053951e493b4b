"""What manifests say, held against what the daemon knows: its configuration, its rights, its metrics; and CoreDNS's side."""

import json
import re
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml

from common import (
    KUBERNETES, NODENS, ON_NODE, ROOT, TOOLS, WAYS, configuration, container, differences, documents, objects, pod, run, toml,
)

# What each way to install says otherwise than the base, and nothing else.
DIFFERENCES = {
    "base": [],
    "iptables": ["listen.addresses"],
    "ipvs": ["upstream[0].servers[0]"],
    "cilium": ["health.allow", "health.listen", "interface", "listen.addresses", "listen.allow", "rules", "supervisor"],
    "hardened": ["detect", "limits", "listen.addresses", "listen.allow", "metrics.allow", "zone[3].dnssec", "zone[3].rebinding.mode"],
}


def check(text):
    """What `nodens check` says against a configuration; nothing is best."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "nodens.toml")
        file.write_text(text)
        done = run(NODENS, "check", file, check=False)
    return "" if done.returncode == 0 else done.stderr or f"exit code {done.returncode}"


class Configuration(unittest.TestCase):
    def test_the_daemon_takes_it(self):
        for way in WAYS:
            self.assertEqual(check(configuration(objects(way))), "", way)
        self.assertIn("listen.adresses", check(configuration(objects("base")).replace("addresses =", "adresses =")))

    def test_ways_differ_where_they_should(self):
        base = toml(objects("base"))
        for way in WAYS:
            self.assertEqual(differences(toml(objects(way)), base), DIFFERENCES[way], way)

    def test_it_is_in_step_with_the_samples(self):
        """Those of config/ are tried beside kube-proxy, IPVS and Cilium: what they say of addresses, link and servers, these say."""
        for way, name in [("iptables", "kubernetes"), ("ipvs", "kubernetes-ipvs"), ("cilium", "kubernetes-cilium")]:
            sample, ours = tomllib.loads((ROOT / f"config/{name}.toml").read_text()), toml(objects(way))
            self.assertEqual(ours["listen"]["addresses"], sample["listen"]["addresses"])
            self.assertEqual(ours["upstream"], sample["upstream"])
            self.assertEqual(ours.get("rules"), sample.get("rules"))
            self.assertEqual(ours.get("interface", {"manage": False}), sample["interface"])
            zones = [{key: value for key, value in zone.items() if key != "rebinding"} for zone in ours["zone"]]
            self.assertEqual(zones, sample["zone"])

    def test_addresses_and_paths_fit_the_objects(self):
        for way in WAYS:
            found = objects(way)
            said, one = toml(found), container(found)
            self.assertEqual(one["command"], ["nodens", "run", "--config", "/etc/nodens/nodens.toml"], way)
            mounts = {mount["mountPath"] for mount in one["volumeMounts"]}
            folder = lambda path: path.rsplit("/", 1)[0]
            self.assertIn(folder(said["control"]["socket"]), mounts)
            # Where `nodens ctl` looks without being told, as the probe does.
            self.assertIn(f'"{said["control"]["socket"]}"', (ROOT / "src/control/admin/client.rs").read_text())
            host, port = said["health"]["listen"].rsplit(":", 1)
            for probe, path in [("readinessProbe", "/ready"), ("livenessProbe", "/health")]:
                http = one[probe]["httpGet"]
                self.assertEqual((http.get("host", "0.0.0.0"), http["port"], http["path"]), (host, int(port), path), way)
            self.assertTrue(said["metrics"]["listen"].endswith(":9253"))
            service = found.get(("Service", "kube-dns-upstream"))
            [server] = said["upstream"][0]["servers"]
            self.assertEqual(server, "tcp://" + (service["spec"]["clusterIP"] if service else "10.96.0.10"), way)
            if way in ON_NODE:
                self.assertIn(folder(said["supervisor"]["socket"]), mounts)
                self.assertIs(said["supervisor"]["linger"], True)
                [handover] = [volume for volume in pod(found)["volumes"] if volume["name"] == "handover"]
                self.assertEqual(handover["hostPath"]["type"], "DirectoryOrCreate")
        self.assertEqual(len({configuration(objects(way)) for way in WAYS}), len(WAYS))

    def test_the_end_comes_before_the_kubelets_patience_does(self):
        manual = (ROOT / "src/manual/processes.rs").read_text()
        most = int(re.search(r"together it is below (\d+) s with the defaults", manual)[1])
        for way in WAYS:
            self.assertGreater(pod(objects(way))["terminationGracePeriodSeconds"], most)

    def test_the_kubelet_is_told_the_address(self):
        [kubelet] = documents((KUBERNETES / "kubelet/20-nodens.conf").read_text())
        self.assertEqual(kubelet["kind"], "KubeletConfiguration")
        for way in ON_NODE:
            self.assertIn(kubelet["clusterDNS"][0], toml(objects(way))["listen"]["addresses"])
            self.assertEqual(kubelet["clusterDomain"], toml(objects(way))["zone"][0]["name"])


class Rights(unittest.TestCase):
    def test_capabilities_are_those_that_the_supervisor_keeps(self):
        """test_node starts it with these, and without each."""
        code = (ROOT / "src/sys/sandbox/capabilities.rs").read_text()
        keeps = code.split("fn keep_supervising")[1].split("\n}")[0]
        own = set(re.search(r"let own = \[([^\]]*)\]", keeps)[1].replace(",", " ").split())
        network = set(re.search(r"let network = \[([^\]]*)\]", keeps)[1].replace(",", " ").split())
        # The raw socket is for the programs of iptables, which "nftables" does not start.
        for way in ON_NODE:
            self.assertEqual(toml(objects(way))["rules"]["backend"], "nftables")
            added = container(objects(way))["securityContext"]["capabilities"]["add"]
            self.assertEqual(set(added), own | network - {"NET_RAW"}, way)
            self.assertEqual(len(added), len(set(added)))
        # Nothing of the node is managed where there are none.
        self.assertNotIn("interface", toml(objects("cilium")))
        self.assertNotIn("rules", toml(objects("cilium")))

    def test_the_user_of_the_pod_is_that_of_the_code(self):
        code = (ROOT / "src/sys/sandbox/user.rs").read_text()
        number = int(re.search(r"NONROOT: u32 = ([0-9_]+)", code)[1].replace("_", ""))
        self.assertEqual(pod(objects("cilium"))["securityContext"]["runAsUser"], number)


class Monitoring(unittest.TestCase):
    def test_the_rules_are_those_of_prometheus(self):
        rules = objects("hardened")["PrometheusRule", "node-local-dns"]
        self.assertEqual(rules["spec"], yaml.safe_load((ROOT / "packaging/prometheus/nodens.rules.yml").read_text()))
        folder = KUBERNETES / "components/monitoring"
        self.assertEqual(run(folder / "generate", "--print").stdout, (folder / "rules.yaml").read_text(), "run generate")

    def test_they_ask_for_metrics_that_exist(self):
        families = set(re.findall(r'"((?:coredns|nodens|process)_[a-z0-9_]+)"', (ROOT / "src/metrics/family.rs").read_text()))
        asked = set()
        for group in objects("hardened")["PrometheusRule", "node-local-dns"]["spec"]["groups"]:
            for rule in group["rules"]:
                names = re.findall(r"(?<![:\w])(?:coredns|nodens|process)_[a-z0-9_]+(?![:\w])", rule["expr"])
                asked |= {re.sub(r"_(bucket|sum|count)$", "", name) if name not in families else name for name in names}
        self.assertGreater(len(asked), 20)
        self.assertEqual(asked - families, set())

    def test_the_monitor_finds_the_service(self):
        found = objects("hardened")
        monitor, service = found["ServiceMonitor", "node-local-dns"]["spec"], found["Service", "node-local-dns"]
        self.assertLessEqual(monitor["selector"]["matchLabels"].items(), service["metadata"]["labels"].items())
        self.assertEqual(monitor["namespaceSelector"]["matchNames"], [service["metadata"]["namespace"]])
        self.assertIn(monitor["endpoints"][0]["port"], [port["name"] for port in service["spec"]["ports"]])
        # And no other service of this, whose pods are CoreDNS's.
        upstream = found["Service", "kube-dns-upstream"]["metadata"]["labels"]
        self.assertFalse(monitor["selector"]["matchLabels"].items() <= upstream.items())
        # The job by which dashboards and alerts name it.
        self.assertIn(monitor["jobLabel"], service["metadata"]["labels"])

    def test_the_dashboard_is_the_one_of_grafana(self):
        [dashboard] = documents(run(TOOLS / "kubectl", "kustomize", ROOT / "packaging/grafana").stdout)
        self.assertEqual(json.loads(dashboard["data"]["nodens.json"])["uid"], "nodens")
        self.assertEqual(dashboard["metadata"]["labels"]["grafana_dashboard"], "1")


if __name__ == "__main__":
    unittest.main()
