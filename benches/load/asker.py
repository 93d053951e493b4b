"""A client of the soak: asks at a steady rate over UDP and TCP, and looks at every answer."""
import collections
import random
import selectors
import socket
import struct
import threading
import time

PATIENCE = 5.0  # seconds until an answer is lost
SERVFAIL, NXDOMAIN = 2, 3


def question(name):
    """A question for A records, as bytes."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0\0\1\0\1"


class Expected:
    """What a right answer looks like: a code, and an address if there is one. `address` may be a function of the time at which was asked."""

    def __init__(self, kind, name, code=0, address=None):
        self.kind, self.question, self.code, self.address = kind, question(name), code, address

    def judge(self, message, asked):
        """"right", "SERVFAIL", or what is wrong."""
        if message[12:12 + len(self.question)].lower() != self.question:
            return "other question"
        code, answers = message[3] & 15, struct.unpack("!H", message[6:8])[0]
        if code == self.code == SERVFAIL:
            return "right"
        if code == SERVFAIL:
            return "SERVFAIL"
        if code != self.code:
            return f"code {code}"
        wanted = self.address(asked) if callable(self.address) else [self.address] if self.address else []
        if not wanted:
            return "right" if answers == 0 else "records that should not be there"
        # Nobody asked for EDNS, and what is not needed is not sent: the message ends with the address.
        if answers != 1 or socket.inet_ntoa(message[-4:]) not in wanted:
            return f"{answers} records, the last {socket.inet_ntoa(message[-4:])}"
        return "right"


class Asker(threading.Thread):
    """Asks what `choose` gives until told to stop; calls `result(expected, verdict, asked, transport)` for each query."""

    def __init__(self, server, choose, result, udp=2000, tcp=200, sockets=40, connections=4):
        super().__init__(daemon=True)
        self.server, self.choose, self.result = server, choose, result
        self.rates, self.ending, self.slowest, self.skipped = {"UDP": udp, "TCP": tcp}, threading.Event(), 0.0, 0
        self.selector, self.pending, self.order = selectors.DefaultSelector(), {}, collections.deque()
        self.udp = []
        for _ in range(sockets):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            one.connect(server)
            self.selector.register(one, selectors.EVENT_READ)
            self.udp.append(one)
        self.tcp, self.buffers, self.connections, self.retry = [], {}, connections, 0.0
        self.given_up, self.late = {}, 0  # Questions by number, and answers to them.
        self.broken = []  # When connections were closed or refused.

    def run(self):
        began, sent = time.monotonic(), dict.fromkeys(self.rates, 0)
        while not self.ending.is_set():
            now = time.monotonic()
            self.connect(now)
            for transport, rate in self.rates.items():
                due = int((now - began) * rate) - sent[transport]
                sent[transport] += due
                self.skipped += max(due - 400, 0)  # We were not given the processor for long; no burst.
                for _ in range(min(due, 400)):
                    self.ask(transport, now)
            self.listen()
        while self.pending:  # The last questions get their time, too.
            self.listen()

    def listen(self):
        for key, _ in self.selector.select(0.002):
            self.read(key.fileobj)
        self.give_up(time.monotonic() - PATIENCE)

    def ask(self, transport, now):
        pool = self.udp if transport == "UDP" else self.tcp
        if not pool:
            self.skipped += 1
            return
        one, number, expected = random.choice(pool), random.getrandbits(16), self.choose()
        if (one, number) in self.pending:
            return
        message = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + expected.question
        try:
            one.send(message if transport == "UDP" else struct.pack("!H", len(message)) + message)
        except OSError:
            if transport == "TCP":
                self.close(one)
            return
        self.pending[one, number] = (expected, now, transport)
        self.order.append((now, one, number))

    def read(self, one):
        if one not in self.buffers:
            for _ in range(64):
                try:
                    self.take(one, one.recv(4096))
                except OSError:
                    return
            return
        try:
            piece = one.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.close(one)
            return
        whole = self.buffers[one] + piece
        while len(whole) >= 2 and len(whole) >= 2 + (length := struct.unpack("!H", whole[:2])[0]):
            self.take(one, whole[2:2 + length])
            whole = whole[2 + length:]
        self.buffers[one] = whole

    def take(self, one, message):
        if len(message) < 12:
            return
        key = (one, struct.unpack("!H", message[:2])[0])
        given_up = self.given_up.get(key)
        if given_up and message[12:12 + len(given_up)].lower() == given_up:
            # Not the answer to what was asked since under the same number.
            self.late += 1
            del self.given_up[key]
            return
        found = self.pending.pop(key, None)
        if found:
            expected, asked, transport = found
            self.slowest = max(self.slowest, time.monotonic() - asked)
            self.result(expected, expected.judge(message, asked), asked, transport)

    def give_up(self, before):
        while self.order and self.order[0][0] < before:
            asked, one, number = self.order.popleft()
            found = self.pending.get((one, number))
            if found and found[1] == asked:
                del self.pending[one, number]
                self.given_up[one, number] = found[0].question
                self.result(found[0], "lost", asked, found[2])

    def connect(self, now):
        while len(self.tcp) < self.connections and now > self.retry:
            try:
                one = socket.create_connection(self.server, timeout=1)
            except OSError:
                self.broken.append(now)
                self.retry = now + 0.2
                return
            one.setblocking(False)
            self.selector.register(one, selectors.EVENT_READ)
            self.tcp.append(one)
            self.buffers[one] = b""

    def close(self, one):
        """The server closed a connection: what was asked on it is lost."""
        self.broken.append(time.monotonic())
        self.selector.unregister(one)
        self.tcp.remove(one)
        del self.buffers[one]
        for key in [key for key in self.pending if key[0] is one]:
            expected, asked, transport = self.pending.pop(key)
            self.result(expected, "lost", asked, transport)
        one.close()
