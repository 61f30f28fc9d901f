"""One session of ZooKeeper's client protocol, for what a measurement does to a server beside its load."""

import socket
import struct

# Operations, and the flag of a create.
CREATE, DELETE, EXISTS, GET, SET, SYNC, CHILDREN, ADD_WATCH, CLOSE = 1, 2, 3, 4, 5, 9, 12, 106, -11
EPHEMERAL = 1
SESSION_TIMEOUT_MS = 30_000


def text(value):
    return struct.pack(">i", len(value)) + value


OPEN_ACL = struct.pack(">ii", 1, 31) + text(b"world") + text(b"anyone")


class Client:
    """Requests are sent and replies are read when somebody wants them."""

    def __init__(self, port, source="127.0.0.1", timeout=60):
        """`timeout` is in seconds, of each read and write."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.xid = 0
        hello = struct.pack(">iqiq", 0, 0, SESSION_TIMEOUT_MS, 0) + text(bytes(16))
        self.socket.sendall(text(hello))
        self.frame()

    def exactly(self, count):
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def frame(self):
        return self.exactly(struct.unpack(">i", self.exactly(4))[0])

    def request(self, opcode, body):
        self.xid += 1
        return text(struct.pack(">ii", self.xid, opcode) + body)

    def create(self, path, flags=0, data=b""):
        return self.request(CREATE, text(path) + text(data) + OPEN_ACL + struct.pack(">i", flags))

    def delete(self, path):
        return self.request(DELETE, text(path) + struct.pack(">i", -1))

    def exists(self, path):
        return self.request(EXISTS, text(path) + b"\0")

    def get(self, path):
        return self.request(GET, text(path) + b"\0")

    def set(self, path, data):
        return self.request(SET, text(path) + text(data) + struct.pack(">i", -1))

    def sync(self, path):
        return self.request(SYNC, text(path))

    def children(self, path):
        return self.request(CHILDREN, text(path) + b"\0")

    def watch_below(self, path):
        """A persistent watch of the znode and of all below it."""
        return self.request(ADD_WATCH, text(path) + struct.pack(">i", 1))

    def close(self):
        return self.request(CLOSE, b"")

    def call(self, request):
        self.socket.sendall(request)
        return self.frame()

    def do(self, request):
        """The answer's body to what must succeed."""
        answer = self.call(request)
        if code(answer) != 0:
            raise ConnectionError(f"the server answers with the code {code(answer)}")
        return answer[16:]

    def do_all(self, requests):
        """The same for many, which are sent together: no more than the buffers of the sockets take with their answers."""
        self.socket.sendall(b"".join(requests))
        for _ in requests:
            if code(self.frame()) != 0:
                raise ConnectionError("the server does not do what is asked for")


def code(answer):
    """ZooKeeper's code in an answer, 0 for success."""
    return struct.unpack_from(">i", answer, 12)[0]
