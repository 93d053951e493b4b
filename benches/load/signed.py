"""Zones signed with bind9's tools, and a bind9 that serves them, for the benches that validate."""
import subprocess
from pathlib import Path


def sign(folder, origin, records):
    """Signs a zone with new P-256 keys; its file, and the DS records of its key."""
    def tool(*words):
        return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    signer, other = (tool("dnssec-keygen", "-q", "-a", "13", *flags, "-n", "ZONE", origin) for flags in (["-f", "KSK"], []))
    plain = "root." if origin == "." else origin
    keys = [(Path(folder) / f"{key}.key").read_text() for key in (signer, other)]
    start = [f"$ORIGIN {origin}", "$TTL 3600", "@ SOA ns.world. hostmaster.world. 1 7200 1800 86400 60", "@ NS ns.world."]
    start += ["ns A 20.0.0.53"] if origin == "world." else []
    (Path(folder) / f"{plain}zone").write_text("\n".join([*start, *records, *keys]) + "\n")
    tool("dnssec-signzone", "-q", "-P", "-o", origin, "-f", f"{plain}signed", "-k", signer, f"{plain}zone", other)
    return f"{plain}signed", (Path(folder) / f"dsset-{origin}").read_text()


def unsigned(folder, origin, records):
    """Writes a zone that is not signed; its file."""
    start = [f"$ORIGIN {origin}", "$TTL 3600", "@ SOA ns.world. hostmaster.world. 1 7200 1800 86400 60", "@ NS ns.world."]
    (Path(folder) / f"{origin}zone").write_text("\n".join([*start, *records]) + "\n")
    return f"{origin}zone"


def world(folder, address, port, signed, others=()):
    """A root and what is below it: (origin, records) of the zones that are signed, and of those that are not. The configuration of a bind9 that
    serves all of them, and the file with the root's DS records."""
    files, below = {}, ["ns.world. A 20.0.0.53"]
    for origin, records in signed:
        files[origin], digests = sign(folder, origin, records)
        below += [f"{origin} NS ns.world.", *digests.splitlines()]
    for origin, records in others:
        files[origin] = unsigned(folder, origin, records)
        below += [f"{origin} NS ns.world."]
        if origin == "bad.":
            # Its parent vouches for a key that it does not have.
            below += [f"{origin} DS 4711 13 2 {'ab' * 32}"]
    files["."], anchors = sign(folder, ".", below)
    (Path(folder) / "anchors").write_text(anchors)
    zones = "\n".join(f'zone "{origin}" {{ type primary; file "{file}"; }};' for origin, file in files.items())
    config = Path(folder) / "world.conf"
    config.write_text(f"""
options {{
  directory "{folder}";
  listen-on port {port} {{ {address}; }};
  listen-on-v6 {{ none; }};
  pid-file "{folder}/world.pid";
  session-keyfile "{folder}/world.key";
  recursion no;
  dnssec-validation no;
  tcp-clients 1000;
}};
controls {{ }};
{zones}
""")
    return ["named", "-g", "-n", "1", "-c", str(config)], str(Path(folder) / "anchors")
