"""What the tests of packages share: the tools, and what they render."""

import copy
import functools
import json
import os
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "packaging/kubernetes"
CHART = ROOT / "packaging/helm/nodens"
TOOLS = ROOT / "target/kubernetes-tools"
NODENS = os.environ.get("NODENS", str(ROOT / "target/debug/nodens"))

# Ways to install, and where each is.
WAYS = {
    "base": KUBERNETES / "base",
    "iptables": KUBERNETES / "overlays/iptables",
    "ipvs": KUBERNETES / "overlays/ipvs",
    "cilium": KUBERNETES / "overlays/cilium",
    "hardened": KUBERNETES / "overlays/hardened",
}
# Those in the node's own network.
ON_NODE = [way for way in WAYS if way != "cilium"]


def run(*command, text=None, check=True):
    """Runs a program to its end."""
    done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def documents(text):
    """The objects of a YAML text."""
    return [document for document in yaml.safe_load_all(text) if document]


@functools.lru_cache(maxsize=None)
def rendered(folder):
    """What kustomize makes of a folder, as text."""
    return run(TOOLS / "kubectl", "kustomize", folder).stdout


def objects(way):
    """The objects of a way to install, by kind and name."""
    return by_name(documents(rendered(WAYS[way])))


def by_name(found):
    """Objects by kind and name, each once."""
    named = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(named) == len(found), "an object comes twice"
    return named


def kustomized(folder, resources, components=(), **more):
    """What kustomize makes of these in a folder of its own."""
    paths = lambda names: [os.path.relpath(name, folder) for name in names]
    text = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **more}
    text |= {"resources": paths(resources), "components": paths(components)}
    Path(folder, "kustomization.yaml").write_text(json.dumps(text))
    return by_name(documents(run(TOOLS / "kubectl", "kustomize", folder).stdout))


def charted(*arguments, check=True):
    """What helm makes of the chart."""
    done = run(TOOLS / "helm", "template", "nodens", CHART, "--namespace", "kube-system", *arguments, check=check)
    return by_name(documents(done.stdout)) if check else done


def daemonset(found):
    """The DaemonSet among objects."""
    return found["DaemonSet", "node-local-dns"]


def pod(found):
    """What its pods are."""
    return daemonset(found)["spec"]["template"]["spec"]


def container(found):
    """Their one container."""
    [one] = pod(found)["containers"]
    return one


def configuration(found):
    """The daemon's configuration among objects, as text."""
    return found["ConfigMap", "nodens"]["data"]["nodens.toml"]


def toml(found):
    """The same, read."""
    return tomllib.loads(configuration(found))


def changed(one, path, value):
    """A copy of an object with another value at a path."""
    one = copy.deepcopy(one)
    *before, last = path
    place = one
    for key in before:
        place = place[key]
    place[last] = value
    return one


def differences(left, right, path=""):
    """Where two values differ, as paths."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(left.keys() | right.keys())
        nothing = object()
        return [
            found
            for key in keys
            for found in differences(left.get(key, nothing), right.get(key, nothing), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [found for at, pair in enumerate(zip(left, right)) for found in differences(*pair, f"{path}[{at}]")]
    return [] if left == right else [path]
