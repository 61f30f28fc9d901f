"""Servers under the hand of a comparison: one, or an ensemble, each a process with a directory of its own on a real disk.

A command is one line with {config} (the zoo.cfg made for the server), {dir} (its data directory), {port} and {classpath}
filled in. It must not put itself into the background: the process that is started is the one whose CPU time and memory are
read, and which is killed.
"""

import os
import pathlib
import platform
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

JVM_HEAP = "-Xmx1g"

# The Debian package brings the jar, whose manifest names the rest of its class path; without a binding of slf4j it logs
# nothing. forceSync=yes is the default: said here because it is the point. All else, preallocation too, is as it comes.
DEBIANS = "/usr/share/java/zookeeper.jar"
ZOOKEEPER = f"java {JVM_HEAP} -Dzookeeper.forceSync=yes -cp {{classpath}} " \
            "org.apache.zookeeper.server.quorum.QuorumPeerMain {config}"

# maxClientCnxns=0: no limit of connections from one address. tickTime 2000 as in ZooKeeper's sample.
ZOO_CFG = """tickTime=2000
dataDir={dir}
clientPort={port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
"""
# And of each server of an ensemble, as in ZooKeeper's sample; a line for every server follows.
ENSEMBLE_CFG = """initLimit=10
syncLimit=5
"""

START_MAX_S = 60
STOP_MAX_S = 30
POLL_S = 0.05


class Server:
    """One process. Its directory is fresh, and outlives the process."""

    def __init__(self, command, directory, port, lines=""):
        """`lines` follow in zoo.cfg."""
        self.command, self.directory, self.port = command, directory, port
        self.process = None
        self.data = directory / "data"
        self.data.mkdir(parents=True)
        self.config = directory / "zoo.cfg"
        self.config.write_text(ZOO_CFG.format(dir=self.data, port=port) + lines)

    def start(self):
        classpath = os.environ.get("ZOOKEEPER_CLASSPATH", DEBIANS)
        words = self.command.format(config=self.config, dir=self.data, port=self.port, classpath=classpath)
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(shlex.split(words), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, cwd=self.directory)

    def wait_until_serving(self):
        deadline = time.monotonic() + START_MAX_S
        while not opens_session(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.directory / "log").read_text(errors="replace")[-2000:]
                sys.exit(f"the server does not serve: {self.command}\n{text}")
            time.sleep(POLL_S)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Servers:
    """One server or an ensemble, on ports from `port` on; ended and removed on leaving."""

    def __init__(self, command, count, parent, port):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="servers-", dir=parent))
        lines = "".join(f"server.{place + 1}=127.0.0.1:{port + count + place}:{port + 2 * count + place}\n"
                        for place in range(count))
        self.all = [Server(command, self.directory / str(place + 1), port + place,
                           "" if count == 1 else ENSEMBLE_CFG + lines) for place in range(count)]
        if count > 1:
            for place, server in enumerate(self.all):
                (server.data / "myid").write_text(f"{place + 1}\n")

    def __enter__(self):
        try:
            for server in self.all:
                server.start()
            for server in self.all:
                server.wait_until_serving()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.all:
            server.stop()
        shutil.rmtree(self.directory)

    def leader(self):
        """The place of the one that leads."""
        deadline = time.monotonic() + START_MAX_S
        while time.monotonic() < deadline:
            modes = [mode(server.port) for server in self.all]
            if modes.count("leader") == 1 and modes.count("follower") == len(modes) - 1:
                return modes.index("leader")
            time.sleep(POLL_S)
        sys.exit(f"one of the servers does not come to lead the others: {modes}")

    def ports(self, who):
        """Of "all" servers, of the "leader" or of the first "follower"."""
        everyone = [server.port for server in self.all]
        if who == "all":
            return everyone
        leads = everyone.pop(self.leader())
        return [leads] if who == "leader" else everyone[:1]


def opens_session(port):
    """Whether a session can be opened; it is closed again."""
    hello = struct.pack(">iiqiqi16s?", 45, 0, 0, 30000, 0, 16, bytes(16), False)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as stream:
            stream.sendall(hello)
            answer = stream.recv(64)
            stream.sendall(struct.pack(">iii", 8, 1, -11))
            return len(answer) >= 40 and struct.unpack(">i", answer[8:12])[0] > 0
    except OSError:
        return False


def four_letters(port, word):
    """The answer to a four-letter word."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.sendall(word.encode())
        return b"".join(iter(lambda: stream.recv(65536), b"")).decode(errors="replace")


def mode(port):
    """What `srvr` says that a server is."""
    try:
        answer = four_letters(port, "srvr")
    except OSError:
        return ""
    found = re.search(r"^Mode: (.*)$", answer, re.MULTILINE)
    return found.group(1) if found else ""


def cpu_ticks():
    """Of all CPUs since boot: what the host took away, and all."""
    words = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return words[7], sum(words)


def file_system(directory):
    return subprocess.run(["df", "--output=fstype", directory], capture_output=True, text=True).stdout.split()[-1]


def machine(directory):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "CPU")
    return f"{os.cpu_count()} CPUs ({model}), Linux {platform.release()}, {file_system(directory)}"


def refuse_memory(directory):
    """A sync of memory is none: the servers would be compared without their disk."""
    if file_system(directory) in ("tmpfs", "ramfs"):
        sys.exit(f"{directory} is memory: --dir must be on a disk")
