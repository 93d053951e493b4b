"""CoreDNS, hardened: the patch on the Deployment that kubeadm makes, the Corefile, and the nodens in its pod."""

import json
import re
import tempfile
import tomllib
import unittest
from pathlib import Path

from common import KUBERNETES, NODENS, ROOT, TOOLS, by_name, differences, documents, rendered, run
from test_objects import ACCEPTED, VERSIONS, findings, flaws
from test_policies import CACHE, METADATA, NODE, PROMETHEUS, RESOLVER, WEB, policies, reaches
from test_policies import COREDNS as POD
from test_semantics import check

FOLDER = KUBERNETES / "coredns"


def patched():
    """The Deployment after the patch, as kubectl makes it, and before."""
    before = (ROOT / "tests/packaging/coredns.yaml").read_text()
    command = ["patch", "--local", "--filename", "-", "--type", "strategic", "--patch-file", FOLDER / "deployment.yaml", "--output", "yaml"]
    [after] = documents(run(TOOLS / "kubectl", *command, text=before).stdout)
    [before] = documents(before)
    after.pop("status", None)
    for place in (after["metadata"], after["spec"]["template"]["metadata"]):
        place.pop("creationTimestamp", None)
    return before, after


class Deployment(unittest.TestCase):
    def test_it_fits_the_deployment_that_is_there(self):
        before, after = patched()
        self.assertEqual(flaws(after, VERSIONS[-1]), "")
        old, new = (one["spec"]["template"]["spec"] for one in (before, after))
        containers = {one["name"]: one for one in new["containers"]}
        self.assertEqual(sorted(containers), ["coredns", "nodens"])
        # What the patch does not name stays.
        for key in ["image", "args", "ports", "volumeMounts"]:
            self.assertEqual(containers["coredns"][key], old["containers"][0][key])
        self.assertEqual({volume["name"] for volume in new["volumes"]}, {"config-volume", "outside", "outside-run"})
        self.assertEqual(after["spec"]["replicas"], 2)
        self.assertEqual(after["spec"]["selector"], before["spec"]["selector"])
        # Applied again it changes nothing.
        again = run(TOOLS / "kubectl", "patch", "--local", "--filename", "-", "--patch-file", FOLDER / "deployment.yaml", "--output", "yaml",
                    text=json.dumps(after)).stdout
        self.assertEqual([path for path in differences(documents(again)[0], after) if "creationTimestamp" not in path and path != "status"], [])

    def test_nobody_in_the_pod_has_more_than_needed(self):
        spec = patched()[1]["spec"]["template"]["spec"]
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        rights = {one["name"]: one["securityContext"] for one in spec["containers"]}
        for context in rights.values():
            self.assertEqual((context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]), (False, True))
            self.assertEqual(context["capabilities"]["drop"], ["ALL"])
        self.assertEqual(rights["coredns"]["capabilities"].get("add"), ["NET_BIND_SERVICE"])
        self.assertNotIn("add", rights["nodens"]["capabilities"])
        self.assertIs(rights["nodens"]["runAsNonRoot"], True)

    def test_checkov_finds_nothing_but_what_is_argued(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "coredns.yaml").write_text(json.dumps(patched()[1]))
            Path(folder, "rest.yaml").write_text(rendered(FOLDER) + "---\n" + rendered(FOLDER / "policy"))
            found, passed = findings(folder)
        self.assertGreater(passed, 50)
        accepted = ACCEPTED | {
            "CKV_K8S_25": "CoreDNS binds port 53",
            "CKV_K8S_38": "CoreDNS asks the API server, which its token is for",
            "CKV_K8S_23": "CoreDNS is the user of its image, which the patch does not know",
            "CKV_K8S_40": "the same",
            "CKV_K8S_29": "nothing that is for a whole pod says who its containers are; each says it for itself",
        }
        self.assertEqual({check for check, _ in found} - set(accepted), set())


class Beside(unittest.TestCase):
    def test_objects_are_what_their_schemas_say(self):
        found = by_name(documents(rendered(FOLDER)) + documents(rendered(FOLDER / "policy")))
        self.assertEqual(sorted(found), [
            ("ConfigMap", "coredns-hardened"), ("NetworkPolicy", "coredns"), ("PodDisruptionBudget", "coredns"),
        ])
        for name, one in found.items():
            self.assertEqual(flaws(one, VERSIONS[-1]), "", name)
        labels = patched()[1]["spec"]["template"]["metadata"]["labels"]
        for path in [("NetworkPolicy", "coredns", "podSelector"), ("PodDisruptionBudget", "coredns", "selector")]:
            self.assertLessEqual(found[path[:2]]["spec"][path[2]]["matchLabels"].items(), labels.items())

    def test_the_daemon_takes_its_configuration_and_the_corefile_asks_it(self):
        text = (FOLDER / "nodens.toml").read_text()
        self.assertEqual(check(text), "")
        said, corefile = tomllib.loads(text), (FOLDER / "Corefile").read_text()
        self.assertEqual(set(re.findall(r"forward \. (\S+)", corefile)), set(said["listen"]["addresses"]))
        self.assertEqual((said["zone"][-1]["dnssec"], said["zone"][-1]["rebinding"]["mode"]), ("validate", "block"))
        volumes = {volume["name"]: volume for volume in patched()[1]["spec"]["template"]["spec"]["volumes"]}
        data = by_name(documents(rendered(FOLDER)))["ConfigMap", "coredns-hardened"]["data"]
        for name, key in [("config-volume", "Corefile"), ("outside", "nodens.toml")]:
            [item] = volumes[name]["configMap"]["items"]
            self.assertEqual((volumes[name]["configMap"]["name"], item), ("coredns-hardened", {"key": key, "path": key}))
            self.assertEqual(data[key], (FOLDER / key).read_text())

    def test_probes_and_variables_of_the_corefile_are_those_of_the_pod(self):
        corefile = (FOLDER / "Corefile").read_text()
        [coredns] = [one for one in patched()[1]["spec"]["template"]["spec"]["containers"] if one["name"] == "coredns"]
        self.assertEqual(set(re.findall(r"{[$%](\w+)%?}", corefile)), {one["name"] for one in coredns["env"]})
        ports = {what: int(port) for what, port in re.findall(r"(health|ready|prometheus) \S+:(\d+)", corefile)}
        self.assertEqual(ports["health"], coredns["livenessProbe"]["httpGet"]["port"])
        self.assertEqual(ports["ready"], coredns["readinessProbe"]["httpGet"]["port"])
        self.assertIn(ports["prometheus"], [port["containerPort"] for port in coredns["ports"]])

    def test_the_auditor_finds_nothing(self):
        if run(NODENS, "audit", "--help", check=False).returncode != 0:
            self.skipTest("this nodens has no audit")
        done = run(NODENS, "audit", FOLDER / "Corefile", check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            bad = Path(folder, "Corefile")
            bad.write_text(".:53 {\n    forward . 8.8.8.8\n    transfer {\n        to *\n    }\n}\n")
            self.assertNotEqual(run(NODENS, "audit", bad, check=False).returncode, 0)

    def test_what_leaves_is_encrypted(self):
        ours = policies(by_name(documents(rendered(FOLDER / "policy"))))
        for client in [WEB, NODE, CACHE]:
            self.assertTrue(reaches(ours, client, POD, 53, "UDP"))
        self.assertTrue(reaches(ours, PROMETHEUS, POD, 9153))
        self.assertFalse(reaches(ours, WEB, POD, 9153))
        self.assertTrue(reaches(ours, POD, RESOLVER, 853))
        self.assertTrue(reaches(ours, POD, NODE, 6443), "the API server")
        self.assertFalse(reaches(ours, POD, RESOLVER, 53, "UDP"))
        self.assertFalse(reaches(ours, POD, METADATA, 853))
        self.assertFalse(reaches(ours, POD, METADATA, 80))


if __name__ == "__main__":
    unittest.main()
