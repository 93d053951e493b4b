"""The pods of the base on a node: the daemon itself with the rights, the mounts and the probes of the DaemonSet, in namespaces; and a
rolling update with a surge. Needs root."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from common import NODENS, configuration, container, objects, pod, run

CAPABILITIES = container(objects("base"))["securityContext"]["capabilities"]["add"]

# What /proc calls them.
NUMBERS = {"KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "NET_RAW": 13}

# A root file system that nobody can write to, with what a container has mounted in it: ROOT, HANDOVER, CONFIG and the command come as arguments.
INSIDE = """
set -e
mount --make-rprivate /
mount --rbind / "$1"
mount -t tmpfs tmpfs "$1/etc"
cp -a /etc/ssl /etc/passwd /etc/group /etc/nsswitch.conf /etc/alternatives "$1/etc"
echo "nameserver 192.0.2.53" >"$1/etc/resolv.conf"
mkdir "$1/etc/nodens"
mount --bind "$3" "$1/etc/nodens"
mount -o remount,bind,ro "$1/etc/nodens"
mount -t tmpfs tmpfs "$1/run"
mkdir "$1/run/nodens" "$1/run/handover"
mount -t tmpfs -o mode=777 tmpfs "$1/run/nodens"
mount --bind "$2" "$1/run/handover"
for folder in "$1" "$1/etc" "$1/run"; do mount -o remount,bind,ro "$folder"; done
exec chroot "$1" /usr/bin/env PATH="$4:/usr/sbin:/usr/bin:/sbin:/bin" "${@:5}"
"""


def until(what, holds, seconds=20):
    """Waits until it holds, and gives what it gave."""
    end = time.monotonic() + seconds
    while True:
        outcome = holds()
        if outcome:
            return outcome
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.02)


class Node(contextlib.ExitStack):
    """A node: a network namespace, and the folder that its pods share."""

    def __init__(self):
        super().__init__()
        self.folder = Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.name = f"nodens-kube-{os.getpid()}-{id(self) % 100_000}"
        run("ip", "netns", "add", self.name)
        self.callback(run, "ip", "netns", "delete", self.name)
        self.run("ip", "link", "set", "lo", "up")
        (self.folder / "handover").mkdir()
        self.handover = self.folder / "handover"

    def run(self, *command, check=True):
        """Runs a program on the node."""
        return run("ip", "netns", "exec", self.name, *command, check=check)

    def pod(self, capabilities=None, change=lambda text: text, way="base"):
        """Starts a pod of a way to install, perhaps with other capabilities and a changed configuration."""
        pod = Pod(self, objects(way), capabilities, change(configuration(objects(way))))
        self.callback(pod.end)
        return pod

    def answers(self, address="169.254.20.10"):
        """Whether a query is answered there."""
        return self.run("python3", "-c", ASK.format(address=address, until="asked == 1")).stdout.split() == ["1", "0"]

    def http(self, path, port=8080, host="169.254.20.10"):
        """The status of a probe as the kubelet makes it, 0 if nobody is there."""
        code = f"import http.client as h; c = h.HTTPConnection('{host}', {port}, timeout=2); c.request('GET', '{path}'); print(c.getresponse().status)"
        return int(self.run("python3", "-c", code, check=False).stdout or 0)


class Pod:
    """A container: the daemon as the kubelet would start it."""

    def __init__(self, node, found, capabilities, text):
        self.node, self.one = node, container(found)
        # What the container does not say, the pod does.
        context = pod(found)["securityContext"] | self.one["securityContext"]
        given = context["capabilities"].get("add", []) if capabilities is None else capabilities
        for sysctl in context.get("sysctls", []):
            node.run("sysctl", "-qw", f"{sysctl['name']}={sysctl['value']}")
        self.folder = Path(tempfile.mkdtemp(dir=node.folder))
        for name in ["root", "config"]:
            (self.folder / name).mkdir()
        # As in a ConfigMap: everybody may read it.
        (self.folder / "config/nodens.toml").write_text(text)
        for path in [node.folder, self.folder]:
            path.chmod(0o755)
        self.log = open(self.folder / "log", "w+")
        bounds = ",".join(["-all", *(f"+{name.lower()}" for name in given)])
        rights = ["setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", "--no-new-privs",
                  f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}", "--clear-groups"]
        command = ["ip", "netns", "exec", node.name, "unshare", "--mount", "bash", "-c", INSIDE, "pod", self.folder / "root", node.handover,
                   self.folder / "config", Path(NODENS).parent, *rights, *self.one["command"]]
        self.child = subprocess.Popen([str(word) for word in command], stdout=self.log, stderr=self.log)

    def inside(self, command):
        """Runs a command in the container, as an exec probe does."""
        into = ["nsenter", f"--target={self.child.pid}", "--mount", "--net", "--root", "/usr/bin/env", f"PATH={Path(NODENS).parent}"]
        return run(*into, *command, check=False)

    def started(self):
        """Whether the startup probe succeeds."""
        return self.child.poll() is None and self.inside(self.one["startupProbe"]["exec"]["command"]).returncode == 0

    def said(self):
        """The log."""
        return (self.folder / "log").read_text()

    def worker(self):
        """The process that answers, if there is one."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        numbers = children.read_text().split() if children.exists() else []
        return int(numbers[0]) if numbers else None

    def stop(self, number=signal.SIGTERM):
        """Stops it as the kubelet does; its exit code."""
        self.child.send_signal(number)
        return self.child.wait(timeout=30)

    def end(self):
        """Whatever it does."""
        if self.child.poll() is None:
            worker = self.worker()
            self.child.kill()
            self.child.wait()
            if worker:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
        self.log.close()


def status(process):
    """/proc/PID/status."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":\t" in line)


def impatient(text):
    """A configuration in which a worker hangs soon."""
    return text.replace("[supervisor]", '[supervisor]\nhang-timeout = "2s"')


def mask(capabilities):
    """A set as /proc shows it."""
    return f"{sum(1 << NUMBERS[name] for name in capabilities):016x}"


# Asks for localhost until something holds; prints how often, and how often nothing came.
ASK = """
import os, socket
query = bytes.fromhex("1234010000010000000000000" + "96c6f63616c686f73740000010001")
asked = lost = 0
while not ({until}):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(3)
        udp.connect(("{address}", 53))
        try:
            udp.send(query)
            lost += len(udp.recv(512)) < 40
        except OSError:
            lost += 1
    asked += 1
print(asked, lost)
"""


@unittest.skipIf(os.geteuid() != 0, "namespaces need root")
class OnTheNode(unittest.TestCase):
    def setUp(self):
        self.node = self.enterContext(Node())

    def test_it_works_with_the_rights_that_it_has(self):
        pod = self.node.pod()
        until("the startup probe succeeds", pod.started)
        self.assertEqual([self.node.http("/health"), self.node.http("/ready")], [200, 200])
        self.assertEqual(self.node.http("/metrics", 9253), 403, "from the node's link-local address, which metrics.allow leaves out")
        self.assertTrue(self.node.answers())
        links = json.loads(self.node.run("ip", "-json", "address", "show", "nodelocaldns").stdout)
        self.assertIn("169.254.20.10", [one["local"] for one in links[0]["addr_info"]])
        until("rules", lambda: "live4" in self.node.run("nft", "list", "table", "inet", "nodens", check=False).stdout)
        # What each process has: all of what it was given, and nothing.
        supervisor, worker = status(pod.child.pid), status(pod.worker())
        self.assertEqual([supervisor[key] for key in ("CapPrm", "CapEff", "CapBnd")], [mask(CAPABILITIES)] * 3)
        self.assertEqual([worker[key] for key in ("CapPrm", "CapEff", "CapBnd")], [mask([])] * 3)
        self.assertEqual(worker["Uid"].split(), ["65532"] * 4)
        self.assertEqual((supervisor["NoNewPrivs"], worker["NoNewPrivs"], worker["Seccomp"]), ("1", "1", "2"))
        # Nothing is amiss. (Some kernels have no dummy links; a bridge does.)
        lines = [json.loads(line) for line in pod.said().splitlines()]
        amiss = [line for line in lines if line["level"] in {"warn", "error"} and "no dummy links" not in line["msg"]]
        self.assertEqual(amiss, [])
        self.assertEqual(pod.stop(), 0, pod.said())
        self.assertEqual(self.node.run("nft", "list", "tables").stdout, "")
        self.assertNotEqual(self.node.run("ip", "link", "show", "nodelocaldns", check=False).returncode, 0)

    def test_it_clears_up_after_a_go_node_cache_that_was_killed(self):
        kind = "dummy" if self.node.run("ip", "link", "add", "trial", "type", "dummy", check=False).returncode == 0 else "bridge"
        self.node.run("ip", "link", "add", "nodelocaldns", "type", kind)
        self.node.run("ip", "address", "add", "169.254.20.10/32", "dev", "nodelocaldns")
        mine = ["-p", "udp", "-d", "169.254.20.10/32", "--dport", "53", "-m", "comment", "--comment", "NodeLocal DNS Cache: skip conntrack", "-j", "NOTRACK"]
        theirs = ["-p", "udp", "-d", "192.0.2.1/32", "-m", "comment", "--comment", "of somebody else", "-j", "NOTRACK"]
        for rule in (mine, theirs):
            self.node.run("iptables", "-t", "raw", "-I", "PREROUTING", *rule)
        pod = self.node.pod()
        until("the startup probe succeeds", pod.started)
        until("its rules are gone", lambda: "NodeLocal" not in self.node.run("iptables-save").stdout)
        self.assertIn("of somebody else", self.node.run("iptables-save").stdout)
        [link] = json.loads(self.node.run("ip", "-json", "link", "show", "nodelocaldns").stdout)
        self.assertEqual((link["ifalias"], link.get("ifname")), ("nodens", "nodelocaldns"))
        self.assertNotIn('"level":"error"', pod.said())
        self.assertEqual(pod.stop(), 0, pod.said())

    def test_behind_cilium_it_works_without_any_right(self):
        before = [self.node.run(*command).stdout for command in (["ip", "link"], ["nft", "list", "ruleset"])]
        pod = self.node.pod(way="cilium")
        until("the startup probe succeeds", pod.started)
        self.assertEqual([self.node.http(path, host="127.0.0.1") for path in ("/health", "/ready")], [200, 200])
        self.assertTrue(self.node.answers("127.0.0.1"))
        for process in (pod.child.pid, pod.worker()):
            said = status(process)
            self.assertEqual([said[key] for key in ("CapPrm", "CapEff", "CapBnd")], [mask([])] * 3)
            self.assertEqual(said["Uid"].split(), ["65532"] * 4)
        self.assertEqual([self.node.run(*command).stdout for command in (["ip", "link"], ["nft", "list", "ruleset"])], before)
        self.assertEqual(pod.stop(), 0, pod.said())

    def test_each_right_is_needed(self):
        """Without it something fails that works with all."""
        signs = {
            "NET_BIND_SERVICE": lambda pod: pod.child.poll() is not None and "ermission denied" in pod.said(),
            "NET_ADMIN": lambda pod: "interface_add" in pod.said(),
            "SETUID": lambda pod: "the user stays root" in pod.said(),
            "SETGID": lambda pod: "the user stays root" in pod.said(),
            "SETPCAP": lambda pod: "the bounding set stays" in pod.said(),
        }
        with contextlib.ExitStack() as nodes:
            pods = {}
            for missing in CAPABILITIES:
                rest = [name for name in CAPABILITIES if name != missing]
                pods[missing] = nodes.enter_context(Node()).pod(rest, impatient)
            for missing, shows in signs.items():
                until(f"what is missing without {missing}\n{pods[missing].said()}", lambda: shows(pods[missing]))
            # A worker that hangs, another user by now, stays as it is.
            pod = pods["KILL"]
            until("it is ready", lambda: pod.node.http("/ready") == 200)
            worker = pod.worker()
            os.kill(worker, signal.SIGSTOP)
            until("it cannot be ended", lambda: "the worker cannot be killed" in pod.said())
            os.kill(worker, signal.SIGKILL)
            self.assertEqual(set(pods), {*signs, "KILL"})

    def test_a_hung_worker_is_replaced(self):
        pod = self.node.pod(change=impatient)
        until("it is ready", lambda: self.node.http("/ready") == 200)
        worker = pod.worker()
        os.kill(worker, signal.SIGSTOP)
        until("another worker", lambda: pod.worker() not in (None, worker))
        until("it answers", lambda: self.node.http("/ready") == 200)

    def test_a_rolling_update_loses_nothing(self):
        old = self.node.pod()
        until("the old pod starts", old.started)
        stop = self.node.folder / "stop"
        asks = ASK.format(address="169.254.20.10", until=f"os.path.exists({str(stop)!r})")
        client = subprocess.Popen(["ip", "netns", "exec", self.node.name, "python3", "-c", asks], stdout=subprocess.PIPE, text=True)
        # The surge: a second pod beside the first. It has not started before it answers itself, whatever the first says at the same address.
        new = self.node.pod()
        until("the new pod starts", new.started)
        until("the old one has left", lambda: old.worker() is None)
        # It does not end by itself, or the kubelet would start it again, and it would take over in its turn.
        until("probes reach the new one", lambda: self.node.http("/ready") == 200)
        self.assertIsNone(old.child.poll())
        # The new one is ready: the old pod is deleted.
        self.assertEqual(old.stop(), 0, old.said())
        self.assertEqual([self.node.http("/health"), self.node.http("/ready")], [200, 200])
        self.assertIn("169.254.20.10", self.node.run("ip", "address", "show", "nodelocaldns").stdout)
        self.assertIn("live4", self.node.run("nft", "list", "table", "inet", "nodens").stdout)
        stop.touch()
        asked, lost = map(int, client.communicate(timeout=20)[0].split())
        self.assertGreater(asked, 100)
        self.assertEqual(lost, 0, f"of {asked}")

    def test_a_roll_back_in_the_middle_finds_the_old_pod(self):
        old = self.node.pod()
        until("the old pod starts", old.started)
        new = self.node.pod()
        until("the new pod starts", new.started)
        until("the old one has left", lambda: old.worker() is None)
        self.assertEqual(new.stop(), 0, new.said())
        until("the old pod answers again", lambda: old.started() and self.node.http("/ready") == 200)
        until("link", lambda: "169.254.20.10" in self.node.run("ip", "address", "show", "nodelocaldns", check=False).stdout)
        until("rules", lambda: "live4" in self.node.run("nft", "list", "table", "inet", "nodens", check=False).stdout)

    def test_a_pod_that_cannot_start_is_not_taken_for_the_old_one(self):
        old = self.node.pod()
        until("the old pod starts", old.started)
        new = self.node.pod(change=lambda text: text.replace("max-ttl", "max-tll"))
        self.assertEqual(new.child.wait(timeout=20), 78)
        # The probes at the node's address would have said yes.
        self.assertEqual(self.node.http("/ready"), 200)
        self.assertFalse(new.started())
        self.assertTrue(old.started())


if __name__ == "__main__":
    unittest.main()
