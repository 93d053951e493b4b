"""Network policies: who reaches whom, told from the policies as Kubernetes defines them, with pods of a cluster that looks like real ones."""

import ipaddress
import unittest

from common import CHART, KUBERNETES, changed, charted, daemonset, documents, objects

# Namespaces and their labels.
NAMESPACES = {name: {"kubernetes.io/metadata.name": name} for name in ["kube-system", "monitoring", "shop", "locked"]}


def peer(namespace, address, **labels):
    """A pod: its namespace, labels and address."""
    return {"namespace": namespace, "labels": {key.replace("_", "-"): value for key, value in labels.items()}, "address": address}


COREDNS = peer("kube-system", "10.244.1.2", k8s_app="kube-dns")
CACHE = peer("kube-system", "10.244.1.9", k8s_app="node-local-dns")
PROMETHEUS = peer("monitoring", "10.244.2.7", app="prometheus")
WEB = peer("shop", "10.244.3.4", app="web")
LOCKED = peer("locked", "10.244.3.5", app="vault")
# Not pods: the address alone is known.
NODE = {"address": "192.168.0.11"}
RESOLVER = {"address": "9.9.9.9"}
METADATA = {"address": "169.254.169.254"}
LOCAL = {"address": "169.254.20.10"}
KUBE_DNS = {"address": "10.96.0.10"}


def selects(selector, labels):
    """Whether a label selector fits."""
    if not all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        value = labels.get(rule["key"])
        fits = {
            "In": lambda: value in rule["values"],
            "NotIn": lambda: value not in rule["values"],
            "Exists": lambda: value is not None,
            "DoesNotExist": lambda: value is None,
        }[rule["operator"]]
        if not fits():
            return False
    return True


def fits(rule, other, home):
    """Whether one peer of a policy in namespace `home` is this one."""
    if "ipBlock" in rule:
        # Pods are told by selectors: what address a packet of theirs has when it is judged, engines differ about.
        if "namespace" in other:
            return False
        address = ipaddress.ip_address(other["address"])
        inside = lambda network: address in ipaddress.ip_network(network)
        return inside(rule["ipBlock"]["cidr"]) and not any(map(inside, rule["ipBlock"].get("except", [])))
    if "namespace" not in other:
        return False
    if "namespaceSelector" in rule:
        if not selects(rule["namespaceSelector"], NAMESPACES[other["namespace"]]):
            return False
    elif other["namespace"] != home:
        return False
    return selects(rule.get("podSelector", {}), other["labels"])


def passes(policies, one, other, port, protocol, direction):
    """Whether policies let a packet pass from or to a pod: those that select it, added up; without any, all pass."""
    side, ends = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    concerned = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == one["namespace"]
        and selects(policy["spec"]["podSelector"], one["labels"])
        and direction in policy["spec"].get("policyTypes", ["Ingress"])
    ]
    if not concerned:
        return True
    for policy in concerned:
        for rule in policy["spec"].get(side, []):
            ports = rule.get("ports")
            if ports and not any(entry["port"] == port and entry.get("protocol", "TCP") == protocol for entry in ports):
                continue
            if ends not in rule or any(fits(entry, other, policy["metadata"]["namespace"]) for entry in rule[ends]):
                return True
    return False


def reaches(policies, client, server, port, protocol="TCP"):
    """Whether a packet passes on both sides; those that are no pods have no policies."""
    out = "namespace" not in client or passes(policies, client, server, port, protocol, "Egress")
    return out and ("namespace" not in server or passes(policies, server, client, port, protocol, "Ingress"))


def policies(found):
    """The policies among objects."""
    return [one for (kind, _), one in found.items() if kind == "NetworkPolicy"]


class Policies(unittest.TestCase):
    def setUp(self):
        self.policies = policies(objects("hardened"))
        [workload] = documents((KUBERNETES / "components/policies/workloads.yaml").read_text())
        workload["metadata"]["namespace"] = "locked"
        self.policies.append(workload)

    def check(self, expected, client, server, port, protocol="TCP"):
        self.assertIs(reaches(self.policies, client, server, port, protocol), expected, (client, server, port, protocol))

    def test_there_is_one_for_each(self):
        self.assertEqual({one["metadata"]["name"] for one in self.policies}, {"node-local-dns", "coredns", "allow-dns"})

    def test_they_select_the_pods_that_they_are_for(self):
        labels = daemonset(objects("cilium"))["spec"]["template"]["metadata"]["labels"]
        named = {one["metadata"]["name"]: one["spec"]["podSelector"] for one in self.policies}
        self.assertTrue(selects(named["node-local-dns"], labels))
        self.assertFalse(selects(named["node-local-dns"], COREDNS["labels"]))
        self.assertTrue(selects(named["coredns"], COREDNS["labels"]))
        self.assertFalse(selects(named["coredns"], labels))

    def test_every_pod_has_its_dns(self):
        for protocol in ["UDP", "TCP"]:
            for client in [WEB, LOCKED, PROMETHEUS]:
                self.check(True, client, CACHE, 53, protocol)
                self.check(True, client, COREDNS, 53, protocol)
            self.check(True, CACHE, COREDNS, 53, protocol)
            # Caches in the node's network, and the node's own programs.
            self.check(True, NODE, COREDNS, 53, protocol)
            # The addresses of the node and of the service, which no policy of theirs guards.
            self.check(True, LOCKED, LOCAL, 53, protocol)
            self.check(True, LOCKED, KUBE_DNS, 53, protocol)

    def test_metrics_are_for_the_monitoring(self):
        for server, port in [(CACHE, 9253), (COREDNS, 9153)]:
            self.check(True, PROMETHEUS, server, port)
            for client in [WEB, RESOLVER]:
                self.check(False, client, server, port)

    def test_probes_are_for_the_node(self):
        # Whatever its policies say, a pod's own node reaches it: so no rule names these ports, and nobody else does.
        for server, ports in [(CACHE, [8080]), (COREDNS, [8080, 8181])]:
            for port in ports:
                for client in [WEB, PROMETHEUS, RESOLVER, NODE]:
                    self.check(False, client, server, port)

    def test_the_cache_asks_where_it_should_and_nowhere_else(self):
        self.check(True, CACHE, RESOLVER, 853)
        self.check(False, CACHE, RESOLVER, 53, "UDP")
        self.check(False, CACHE, RESOLVER, 443)
        self.check(False, CACHE, METADATA, 853)
        self.check(False, CACHE, WEB, 853)
        self.check(False, CACHE, WEB, 80)

    def test_a_locked_namespace_gets_names_and_nothing_else(self):
        self.check(False, LOCKED, RESOLVER, 53, "UDP")
        self.check(False, LOCKED, RESOLVER, 443)
        self.check(False, LOCKED, METADATA, 80)
        self.check(False, LOCKED, COREDNS, 9153)
        self.check(False, LOCKED, WEB, 53, "UDP")
        self.check(True, WEB, RESOLVER, 443)

    def test_a_wrong_policy_is_seen(self):
        broken = [changed(one, ("spec", "podSelector", "matchLabels"), {"k8s-app": "coredns"}) for one in self.policies]
        self.assertTrue(reaches(broken, WEB, COREDNS, 9153))
        [cache] = [one for one in self.policies if one["metadata"]["name"] == "node-local-dns"]
        self.assertFalse(reaches([changed(cache, ("spec", "ingress"), [])], WEB, CACHE, 53, "UDP"))

    def test_those_of_the_chart_are_the_same(self):
        theirs = policies(charted("--values", CHART / "ci/hardened-values.yaml"))
        strip = lambda found: {one["metadata"]["name"]: one["spec"] for one in found}
        ours = {name: spec for name, spec in strip(self.policies).items() if name != "allow-dns"}
        self.assertEqual(strip(theirs), ours)
        elsewhere = policies(charted("--set", "networkPolicies.enabled=true,networkPolicies.monitoringNamespace=shop"))
        self.assertTrue(reaches(elsewhere, WEB, COREDNS, 9153))
        self.assertFalse(reaches(elsewhere, PROMETHEUS, COREDNS, 9153))


if __name__ == "__main__":
    unittest.main()
