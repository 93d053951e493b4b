"""What the load benches share: free ports, waiting, and a server that knows one address for all names below example.org."""
import socket
import subprocess
import time


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
    """Starts the server on 127.0.0.1; whoever calls ends it."""
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
