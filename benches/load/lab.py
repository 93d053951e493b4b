"""What the load benches share: a network namespace, the servers under test and in front of what they stand, dnsperf, and how results are kept."""
import argparse
import datetime
import os
import platform
import random
import re
import signal
import socket
import statistics
import string
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ADDRESS, ADDRESS6, PORT = "127.0.0.30", "fd00::30", 5300
CLUSTER, DOT, PLAIN = ("127.0.0.10", 5310), ("127.0.0.20", 8853), ("127.0.0.20", 5353)
TICKS = os.sysconf("SC_CLK_TCK")
PACKAGES = "bind9 bind9utils dnsdist dnsmasq-base dnsperf gcc iproute2 knot-resolver openssl pdns-recursor unbound util-linux".split()
SERVER, CLIENT = 0, 1  # cores


class Subject:
    """A server under test: how to start it, what it cannot do, and how it says its version."""

    def __init__(self, command, template=None, unable=(), plain=False, version="--version"):
        self.command, self.template, self.unable, self.plain, self.version = command, template, unable, plain, version


SUBJECTS = {
    "echo": Subject(["$folder/echo", "$address", "$port"], unable=("tcp", "miss", "workers"), version=None),
    "nodens": Subject(["$nodens", "run", "--config", "$file"], "nodens.toml"),
    "unbound": Subject(["unbound", "-d", "-c", "$file"], "unbound.conf", version="-V"),
    "dnsdist": Subject(["dnsdist", "--supervised", "--disable-syslog", "-C", "$file"], "dnsdist.lua", unable=("workers",)),
    "knot-resolver": Subject(["kresd", "-n", "-c", "$file", "$folder/kresd"], "kresd.lua", unable=("workers",), version="-V"),
    "pdns-recursor": Subject(["pdns_recursor", "--config-dir=$folder/recursor"], "recursor.conf", plain=True, unable=("workers",)),
    "dnsmasq": Subject(["dnsmasq", "-k", "-C", "$file"], "dnsmasq.conf", plain=True, unable=("workers",)),
}

# What templates say unless a bench wants something else.
DEFAULTS = {
    "address": ADDRESS, "port": PORT, "workers": 1, "listen_at": f"{ADDRESS}:{PORT}", "udp_size": 1232, "more": "", "zone_more": "",
    "message_cache": "64m", "record_cache": "128m", "modules": "iterator",
}


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited {seconds} s in vain: {what}")
        time.sleep(0.005)


def unbound(folder, port):
    """Starts a server that knows one address for all names below example.org, on 127.0.0.1; whoever calls ends it."""
    config = folder / "unbound.conf"
    config.write_text(f"""
server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  use-syslog: no
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  local-zone: "example.org." redirect
  local-data: "example.org. 3600 A 192.0.2.1"
""")
    return subprocess.Popen(["unbound", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Lab:
    """A folder with everything a run needs."""

    def __init__(self, folder, nodens):
        self.folder, self.nodens, self.peers = Path(folder), nodens, HERE / "peers"
        os.chmod(folder, 0o755)
        (self.folder / "kresd").mkdir()
        (self.folder / "recursor").mkdir()
        joined = {"cluster": CLUSTER, "dot": DOT, "plain": PLAIN}
        self.values = DEFAULTS | {"folder": folder, "nodens": nodens}
        for name, (address, port) in joined.items():
            self.values |= {name: f"{address}:{port}", f"{name}_at": f"{address}@{port}", f"{name}_hash": f"{address}#{port}",
                            f"{name}_address": address, f"{name}_port": port}
        self.write_queries()
        self.write_certificates()
        subprocess.run(["gcc", "-O2", "-o", self.folder / "echo", HERE / "echo.c"], check=True)

    def fill(self, text, **more):
        return string.Template(text).substitute(self.values | more)

    def configure(self, template, **more):
        """Fills a template in; where it is."""
        place = self.folder / ("recursor/recursor.conf" if template == "recursor.conf" else template)
        place.write_text(self.fill((self.peers / template).read_text(), **more))
        return str(place)

    def command(self, name, **more):
        """Writes a subject's configuration; the words that start it."""
        subject = SUBJECTS[name]
        file = self.configure(subject.template, **more) if subject.template else ""
        return [self.fill(word, file=file, **more) for word in subject.command]

    def upstreams(self, core=CLIENT):
        """The cluster's DNS and the resolver outside, to be used with `with`."""
        named = ["named", "-g", "-n", "1", "-c", self.configure("upstream-cluster.conf")]
        dnsdist = ["dnsdist", "--supervised", "--disable-syslog", "-C", self.configure("upstream-internet.lua")]
        return Process(self, "cluster", named, [core]), Process(self, "internet", dnsdist, [core])

    def write_queries(self):
        """5,000 names of which the first are asked most, each for two types; and names that are asked once."""
        chance = random.Random(5)
        services = [f"app-{number}.team-{number % 40}.svc.cluster.local" for number in range(2000)]
        sites = [f"www.shop{number}.example" for number in range(3000)]
        asked = []
        for names, count in (services, 60_000), (sites, 40_000):
            weights = [1 / (rank + 1) for rank in range(len(names))]
            asked += [f"{name} {chance.choice(['A', 'AAAA'])}" for name in chance.choices(names, weights, k=count)]
        chance.shuffle(asked)
        self.queries("hits", asked)
        self.queries("all", sorted(set(asked)))
        self.queries("misses", (f"n{number}.once{number % 1009}.example A" for number in range(2_500_000)))
        records = [f"app-{number}.team-{number % 40}.svc A 10.96.{number // 250}.{number % 250}" for number in range(2000)]
        records += [f"forty A 10.97.0.{number}" for number in range(1, 41)]
        records += ["three-kilobytes TXT " + " ".join(f'"{chr(97 + number) * 249}"' for number in range(12))]
        start = ["$TTL 3600", "@ SOA ns hostmaster 1 3600 600 86400 3600", "@ NS ns", f"ns A {CLUSTER[0]}"]
        (self.folder / "cluster.zone").write_text("\n".join(start + records) + "\n")

    def queries(self, name, lines):
        with open(self.folder / name, "w") as file:
            file.writelines(line + "\n" for line in lines)

    def write_certificates(self):
        """A certificate authority and a server's certificate from it; some clients refuse one that is both."""
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-days", "7", "-subj", "/CN=lab", "-keyout", "ca.key", "-out", "ca.pem")
        openssl("req", *key, "-subj", "/CN=dot.lab", "-keyout", "server.key", "-out", "server.csr")
        (self.folder / "server.ext").write_text("subjectAltName=DNS:dot.lab\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-days", "7", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "server.ext", "-out", "server.pem")


class Process:
    """A running server, ended with its block."""

    def __init__(self, lab, name, command, cores=None):
        self.log = lab.folder / f"{name}.log"
        pinned = [*(["taskset", "-c", ",".join(map(str, cores))] if cores else []), *command]
        self.process = subprocess.Popen(pinned, stdin=subprocess.DEVNULL, stdout=open(self.log, "w"), stderr=subprocess.STDOUT, cwd=lab.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def everyone(self):
        """Process numbers of it and its descendants."""
        alive, seen = [self.process.pid], []
        while alive:
            pid = alive.pop()
            seen.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                alive += map(int, children.read_text().split())
        return seen

    def cpu(self):
        """User and system time in seconds, of descendants that have ended, too."""
        total = [0, 0]
        for pid in self.everyone():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            for kind in 0, 1:
                total[kind] += int(fields[11 + kind]) + int(fields[13 + kind])
        return [ticks / TICKS for ticks in total]

    def resident(self):
        """Memory in MB (2**20 bytes)."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.everyone())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(pid):
    """VmRSS and Pss (its own and its share of what it has in common with others) of one process, in MB (2**20 bytes)."""
    status, rollup = Path(f"/proc/{pid}/status").read_text(), Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024, int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) / 1024


def wait_until_it_answers(process, address=ADDRESS, pause=0.1, seconds=15):
    """Asks until there is an answer, whatever it says; a query each `pause`."""
    query = b"ND\x01\0\0\x01\0\0\0\0\0\0\x05app-0\x06team-0\x03svc\x07cluster\x05local\0\0\x01\0\x01"
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(max(pause, 0.05) * 3)
        client.connect((address, PORT))
        while time.monotonic() < deadline and process.process.poll() is None:
            try:
                client.send(query)
                if client.recv(4096)[:2] == b"ND":
                    return
            except OSError:
                time.sleep(pause)
    raise RuntimeError(process.log.read_text()[-600:] or "it does not answer")


def start_dnsperf(lab, queries, options, core=CLIENT, address=ADDRESS):
    command = ["taskset", "-c", str(core), "dnsperf", "-T", "1", "-s", address, "-p", str(PORT), "-d", str(lab.folder / queries), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def outcome(client):
    """What dnsperf says: answers, losses, latencies in ms if it listed them, and shares of other codes than NOERROR."""
    text = client.communicate()[0]
    number = lambda pattern: float((re.search(pattern, text) or ["", 0])[1])
    times = sorted(float(line.rpartition(" ")[2]) * 1000 for line in text.splitlines() if line.startswith("> ") and line[-1].isdigit())
    codes = re.search(r"Response codes:\s+(.*)", text)
    at = lambda share: times[int(len(times) * share)] if times else None
    return {"answered": number(r"Queries completed:\s+(\d+)"), "lost": number(r"Queries lost:\s+(\d+)"), "rate": number(r"per second:\s+([\d.]+)"),
            "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "other": number(r"Queries completed:\s+(\d+)") - number(r"NOERROR (\d+)"),
            "codes": codes[1] if codes else "", "size": number(r"response (\d+)")}


def burden(server, clients):
    """CPU time per answered query, in microseconds, while these clients ask (they are started by the call), with what they say."""
    before = server.cpu()
    outcomes = [outcome(client) for client in clients()]
    after = server.cpu()
    answered = sum(one["answered"] for one in outcomes)
    if answered == 0:
        raise RuntimeError("no answers")
    user, system = ((b - a) * 1e6 / answered for a, b in zip(before, after))
    added = {key: sum(one[key] for one in outcomes) for key in ("answered", "lost", "rate", "other")}
    return outcomes[0] | added | {"us": user + system, "user": user}


def median(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def markdown(heads, rows):
    """A table."""
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def first_line(*command):
    try:
        run = subprocess.run(command, text=True, capture_output=True)
    except FileNotFoundError:
        return "not installed"
    return next((line for line in (run.stdout + run.stderr).splitlines() if re.search(r"\d+\.\d+", line)), "unknown").strip()


def report(title, body, nodens, subjects=()):
    """A section of the results with everything needed to judge its figures and to get them again."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    size = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    versions = [f"- {name}: {first_line(nodens if name == 'nodens' else SUBJECTS[name].command[0], SUBJECTS[name].version)}"
                for name in subjects if SUBJECTS[name].version]
    words = " ".join([f"benches/load/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    return "\n".join([
        f"# {title}, {datetime.date.today()}", "", body, "",
        f"- machine: {model[1] if model else platform.machine()}, {os.cpu_count()} cores, {size:.1f} GB; {system[1] if system else ''}, Linux {platform.release()}",
        f"- load of the machine in the minutes before the end: {' '.join(f'{load:.1f}' for load in os.getloadavg())}",
        f"- commit: {os.environ['LAB_COMMIT']}", f"- command: `{words}`", *versions, ""])


def present(given, text):
    """Prints a section, and keeps it if that was asked for."""
    print(text, flush=True)
    if given.write:
        place = ROOT / "benches/results" / str(datetime.date.today()) / f"{Path(sys.argv[0]).name}.md"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        print(f"written to {place.relative_to(ROOT)}")


def options(text):
    """The options that the benches have in common."""
    words = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--write", action="store_true", help="keep the tables in benches/results")
    words.add_argument("--install", action="store_true", help="install what is missing, on Debian, as root")
    return words


def several(known):
    """The type of an option that takes some of these words."""
    return lambda text: [name if name in known else sys.exit(f"unknown: {name}; there are {', '.join(known)}") for name in text.split(",")]


def say(text):
    """How far it is, to whoever watches."""
    print(text, file=sys.stderr, flush=True)


def commit():
    """What the tree is, at the start of a run."""
    git = lambda *words: subprocess.run(["git", *words], cwd=ROOT, text=True, capture_output=True).stdout.strip()
    return git("rev-parse", "HEAD") + (" with changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def build():
    if "NODENS" in os.environ:
        return str(Path(os.environ["NODENS"]).resolve())
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--release"], cwd=ROOT, check=True)
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/nodens")


def enter(given, root=False):
    """Goes on in a network namespace of its own with the lab's addresses, so that nothing else on the machine is touched; the binary under test."""
    # Debian keeps servers where not every user looks.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if given.install:
        subprocess.run(["apt-get", "install", "-qy", "--no-install-recommends", *PACKAGES], check=True)
    if root and os.geteuid() != 0:
        sys.exit("this needs root")
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for the subject, one for its clients")
    if os.environ.get("LAB_INSIDE") != "1":
        os.environ["NODENS"], os.environ["LAB_COMMIT"] = build(), commit()
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.environ["LAB_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", *user, sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # bind9 listens only on addresses that an interface has by name.
    for address in sorted({ADDRESS, CLUSTER[0], DOT[0], PLAIN[0]}):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "address", "add", f"{ADDRESS6}/128", "dev", "lo", "nodad"], check=False)
    return build()
