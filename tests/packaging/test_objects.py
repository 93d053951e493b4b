"""Manifests: the schemas of Kubernetes, the shape of node-local-dns, and what nobody should be given."""

import json
import re
import shutil
import tempfile
import unittest
from pathlib import Path

import kubernetes_validate
from cloudcoil.models.prometheus_operator import v1 as operator

from common import (
    KUBERNETES, ON_NODE, ROOT, TOOLS, WAYS, by_name, changed, charted, container, daemonset, documents, kustomized, objects, pod, rendered,
    run,
)

# The oldest and the newest that all of it is for. The overlay "hardened" has a field of 1.30.
VERSIONS = ["1.25.0", "1.30.0", "1.37.0"]

# Kinds that no schema is at hand for, and what stands in for it.
WITHOUT_SCHEMA = {"CiliumLocalRedirectPolicy": "test_the_redirect_names_what_is_there"}

# What checkov asks for and this does not do, and why.
ACCEPTED = {
    "CKV_K8S_11": "a limit of CPU time makes every pod of the node wait",
    "CKV_K8S_15": "a node must start its DNS without asking a registry, which it needs DNS for",
    "CKV_K8S_43": "the digest is the user's: images: in a kustomization, image.digest in the chart",
}
# The same where the daemon is in the node's network.
ACCEPTED_ON_NODE = ACCEPTED | {
    "CKV_K8S_19": "the node's link and its rules are what it is for",
    "CKV_K8S_23": "root with six capabilities: those of other users do not outlive the start of a program",
    "CKV_K8S_25": "the six capabilities, which test_node and test_semantics show to be needed",
    "CKV_K8S_40": "the same",
}


def flaws(one, version):
    """What a schema says against an object; nothing is best."""
    if one["apiVersion"].startswith("monitoring.coreos.com/"):
        model = getattr(operator, one["kind"])
        try:
            known = model.model_validate(one).model_dump(by_alias=True, exclude_unset=True, mode="json")
        except ValueError as error:
            return str(error)
        # Keys that it does not know it leaves out.
        return "" if known == one else f"unknown keys in {one['kind']}"
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return "" if one["kind"] in WITHOUT_SCHEMA else f"no schema for {one['kind']}"
    except kubernetes_validate.ValidationError as error:
        return error.message
    return ""


def host_ports(spec):
    """Ports that keep a second pod away from the node: every port of a pod in the node's network becomes one."""
    ports = [port for one in spec["containers"] + spec.get("initContainers", []) for port in one.get("ports", [])]
    return [port["containerPort"] for port in ports if spec.get("hostNetwork") or "hostPort" in port]


def findings(folder):
    """What checkov finds in the YAML files of a folder: check and file."""
    done = run(
        TOOLS / "venv/bin/checkov", "--directory", folder, "--framework", "kubernetes", "--skip-download", "--quiet", "--compact",
        "--output", "json", check=False,
    )
    report = json.loads(done.stdout)
    return {(one["check_id"], one["file_path"].strip("/")) for one in report["results"]["failed_checks"]}, report["summary"]["passed"]


class Schemas(unittest.TestCase):
    def test_every_object_is_what_its_schema_says(self):
        for way in WAYS:
            for version in VERSIONS if way != "hardened" else VERSIONS[1:]:
                for name, one in objects(way).items():
                    self.assertEqual(flaws(one, version), "", f"{way} {version} {name}")

    def test_so_is_what_is_beside_them(self):
        for one in documents((KUBERNETES / "components/policies/workloads.yaml").read_text()):
            self.assertEqual(flaws(one, VERSIONS[-1]), "")
        for name, one in charted("--set", "dashboard.enabled=true,monitoring.enabled=true,networkPolicies.enabled=true").items():
            self.assertEqual(flaws(one, VERSIONS[-1]), "", f"chart {name}")
        [dashboard] = documents(rendered(ROOT / "packaging/grafana"))
        self.assertEqual(flaws(dashboard, VERSIONS[-1]), "")

    def test_the_schemas_see_mistakes(self):
        one = daemonset(objects("base"))
        spec = ("spec", "template", "spec")
        for path, value in [
            ((*spec, "hostNetwork"), "yes"),
            ((*spec, "hostNetwrok"), True),
            ((*spec, "containers", 0, "securityContext", "capabilities", "add"), "NET_ADMIN"),
            ((*spec, "containers", 0, "readinessProbe", "httpGet", "port"), {}),
            (("spec", "updateStrategy", "rollingUpdate", "maxsurge"), 1),
        ]:
            self.assertNotEqual(flaws(changed(one, path, value), VERSIONS[-1]), "", path)
        for kind in ["ServiceMonitor", "PrometheusRule"]:
            one = objects("hardened")[kind, "node-local-dns"]
            self.assertIn("unknown", flaws(changed(one, ("spec", "nonsense"), 1), VERSIONS[-1]))
        self.assertIn("no schema", flaws({"apiVersion": "example.org/v1", "kind": "Unknown"}, VERSIONS[-1]))


class Shape(unittest.TestCase):
    """Names, labels, ports and places of the official manifest, field by field."""

    def test_it_is_node_local_dns_to_whoever_looks_for_it(self):
        found = objects("iptables")
        one, spec = daemonset(found), pod(found)
        self.assertEqual(one["metadata"]["namespace"], "kube-system")
        self.assertEqual(one["spec"]["selector"], {"matchLabels": {"k8s-app": "node-local-dns"}})
        template = one["spec"]["template"]["metadata"]
        self.assertEqual(template["labels"]["k8s-app"], "node-local-dns")
        self.assertEqual(template["annotations"], {"prometheus.io/port": "9253", "prometheus.io/scrape": "true"})
        self.assertEqual([spec[key] for key in ("priorityClassName", "hostNetwork", "dnsPolicy", "serviceAccountName")],
                         ["system-node-critical", True, "Default", "node-local-dns"])
        self.assertEqual(spec["tolerations"], [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"effect": "NoExecute", "operator": "Exists"},
            {"effect": "NoSchedule", "operator": "Exists"},
        ])
        self.assertEqual(container(found)["name"], "node-cache")
        self.assertEqual(container(found)["resources"]["requests"]["cpu"], "25m")
        probe = container(found)["livenessProbe"]["httpGet"]
        self.assertEqual(probe, {"host": "169.254.20.10", "path": "/health", "port": 8080})

    def test_the_services_are_those_of_the_official_manifest(self):
        found = objects("iptables")
        upstream = found["Service", "kube-dns-upstream"]
        self.assertEqual(upstream["spec"]["selector"], {"k8s-app": "kube-dns"})
        self.assertEqual(upstream["metadata"]["labels"]["kubernetes.io/name"], "KubeDNSUpstream")
        self.assertEqual([(port["name"], port["protocol"], port["port"], port["targetPort"]) for port in upstream["spec"]["ports"]],
                         [("dns", "UDP", 53, 53), ("dns-tcp", "TCP", 53, 53)])
        metrics = found["Service", "node-local-dns"]
        self.assertEqual(metrics["spec"]["clusterIP"], "None")
        self.assertEqual([(port["name"], port["port"], port["targetPort"]) for port in metrics["spec"]["ports"]], [("metrics", 9253, 9253)])
        self.assertEqual(metrics["metadata"]["annotations"]["prometheus.io/port"], "9253")

    def test_nothing_may_ask_the_api_server(self):
        for way in WAYS:
            found = objects(way)
            self.assertFalse([kind for kind, _ in found if "Role" in kind], way)
            self.assertIs(pod(found)["automountServiceAccountToken"], False, way)

    def test_a_second_pod_finds_room_beside_the_first(self):
        for way in WAYS:
            found = objects(way)
            strategy = daemonset(found)["spec"]["updateStrategy"]
            self.assertEqual(strategy, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, way)
            self.assertEqual(host_ports(pod(found)), [], way)

    def test_a_host_port_is_seen(self):
        spec = pod(objects("base"))
        named = changed(spec, ("containers", 0, "ports"), [{"name": "dns", "containerPort": 53}])
        self.assertEqual(host_ports(named), [53])
        self.assertEqual(host_ports(changed(named, ("hostNetwork",), False)), [])
        own = [{"containerPort": 53, "hostPort": 53}]
        self.assertEqual(host_ports(changed(changed(spec, ("hostNetwork",), False), ("containers", 0, "ports"), own)), [53])

    def test_the_redirect_names_what_is_there(self):
        found = objects("cilium")
        redirect = found["CiliumLocalRedirectPolicy", "node-local-dns"]["spec"]
        self.assertEqual(redirect["redirectFrontend"]["serviceMatcher"], {"serviceName": "kube-dns", "namespace": "kube-system"})
        labels = daemonset(found)["spec"]["template"]["metadata"]["labels"]
        wanted = redirect["redirectBackend"]["localEndpointSelector"]["matchLabels"]
        self.assertLessEqual(wanted.items(), labels.items())
        ports = {(port["name"], str(port["containerPort"]), port["protocol"]) for port in container(found)["ports"]}
        self.assertLessEqual({(port["name"], port["port"], port["protocol"]) for port in redirect["redirectBackend"]["toPorts"]}, ports)

    def test_components_change_what_they_say(self):
        with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
            part = lambda name: kustomized(folder, [WAYS["iptables"]], [KUBERNETES / "components" / name])
            strategy = lambda found: daemonset(found)["spec"]["updateStrategy"]
            self.assertEqual(strategy(part("canary")), {"type": "OnDelete"})
            self.assertEqual(strategy(part("one-at-a-time")), {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
            self.assertEqual(pod(part("pool"))["nodeSelector"], {"kubernetes.io/os": "linux", "nodens/pool": "true"})

    def test_the_official_manifest_needs_its_image_swapped_and_nothing_else(self):
        official = (ROOT / "tests/packaging/official.yaml").read_text()
        swapped = run(TOOLS / "kubectl", "set", "image", "--local", "-o", "yaml", "-f", "-", "node-cache=nodens:0.1.0", text=official).stdout
        [before], [after] = documents(official), documents(swapped)
        after["metadata"].pop("creationTimestamp", None)
        after["spec"]["template"]["metadata"].pop("creationTimestamp", None)
        after.pop("status", None)
        self.assertEqual(changed(before, ("spec", "template", "spec", "containers", 0, "image"), "nodens:0.1.0"), after)


class Privilege(unittest.TestCase):
    def test_nobody_has_more_than_needed(self):
        for way in WAYS:
            spec, one = pod(objects(way)), container(objects(way))
            context = one["securityContext"]
            self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}, way)
            self.assertIs(context["allowPrivilegeEscalation"], False, way)
            self.assertIs(context["readOnlyRootFilesystem"], True, way)
            self.assertEqual(context["capabilities"]["drop"], ["ALL"], way)
            self.assertNotIn("privileged", context, way)
            self.assertFalse(set(spec) & {"hostPID", "hostIPC"}, way)
            hosted = [volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume]
            self.assertEqual(hosted, ["/run/nodens"] if way in ON_NODE else [], way)
            written = [mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")]
            self.assertEqual(written, ["/run/nodens", "/run/handover"][: 2 if way in ON_NODE else 1], way)
        context = pod(objects("cilium"))["securityContext"]
        self.assertEqual((context["runAsNonRoot"], context["runAsUser"]), (True, 65532))
        self.assertNotIn("add", container(objects("cilium"))["securityContext"]["capabilities"])

    def test_checkov_finds_nothing_but_what_is_argued(self):
        with tempfile.TemporaryDirectory() as folder:
            for way, path in WAYS.items():
                Path(folder, f"{way}.yaml").write_text(rendered(path))
            # It must be able to find something.
            bad = changed(objects("base")["DaemonSet", "node-local-dns"], ("spec", "template", "spec", "containers", 0, "securityContext"),
                          {"privileged": True, "capabilities": {"add": ["ALL"]}})
            Path(folder, "bad.yaml").write_text(json.dumps(bad))
            found, passed = findings(folder)
        self.assertGreater(passed, 300)
        for way in WAYS:
            accepted = ACCEPTED_ON_NODE if way in ON_NODE else ACCEPTED
            self.assertEqual({check for check, file in found if file == f"{way}.yaml"}, set(accepted), way)
        wanted = {"CKV_K8S_16", "CKV_K8S_20", "CKV_K8S_22", "CKV_K8S_37"}
        self.assertLessEqual(wanted, {check for check, file in found if file == "bad.yaml"})


class Files(unittest.TestCase):
    def test_the_readme_shows_what_works(self):
        readme = (KUBERNETES / "README.md").read_text()
        commands = [line for block in re.findall(r"```sh\n(.*?)```", readme, re.S) for line in block.splitlines()]
        for path in re.findall(r"packaging/[\w/.-]+", readme):
            self.assertTrue((ROOT / path).exists(), path)
        [install] = [line for line in commands if line.startswith("helm install")]
        words = install.replace("helm install", "helm template").split()
        run(TOOLS / words[0], *[ROOT / word if "/" in word else word for word in words[1:]])
        [own] = re.findall(r"```yaml\n# kustomization.yaml\n(.*?)```", readme, re.S)
        with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
            shutil.copy(KUBERNETES / "overlays/iptables/nodens.toml", folder)
            Path(folder, "kustomization.yaml").write_text(own.replace("packaging/", "../../packaging/"))
            found = by_name(documents(run(TOOLS / "kubectl", "kustomize", folder).stdout))
        self.assertEqual(daemonset(found)["spec"]["updateStrategy"], {"type": "OnDelete"})
        self.assertTrue(container(found)["image"].startswith("registry.example/nodens@sha256:"))
        self.assertEqual(found["Service", "kube-dns-upstream"]["spec"]["clusterIP"], "10.100.0.11")
        named = set(re.findall(r"^\| `((?:overlays|components)/[\w-]+|base)`", readme, re.M))
        there = {str(path.relative_to(KUBERNETES)) for part in ("overlays", "components") for path in (KUBERNETES / part).iterdir()}
        self.assertEqual(named, there | {"base"})

    def test_every_file_says_what_it_is(self):
        for path in [*KUBERNETES.rglob("*.yaml"), *KUBERNETES.rglob("*.conf"), *KUBERNETES.rglob("*.toml")]:
            if path.name != "daemonset.yaml":
                self.assertTrue(path.read_text().startswith("#"), path)
            self.assertFalse(re.search(r"[ \t]+$", path.read_text(), re.M), f"{path}: spaces at the end of a line")


if __name__ == "__main__":
    unittest.main()
