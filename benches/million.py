#!/usr/bin/env python3
"""A million znodes: memory for each, starts, and what a snapshot does to the latency of others.

    benches/million.py [--server target/release/paddock] [--znodes 1000000] [--name million]

Paths have 35 bytes, values 100. The figures go to benches/results/NAME.md. Takes about three minutes; the machine should
have nothing else to do.
"""

import argparse
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# With `/keys/` and the sixteen digits of the key the paths have 35 bytes.
ROOT = "/million-node"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    def __init__(self, binary, directory, snap_count):
        self.binary, self.directory, self.port = binary, pathlib.Path(directory), free_port()
        self.config = self.directory / "zoo.cfg"
        self.config.write_text(
            f"tickTime=2000\ndataDir={self.directory}/data\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            f"maxClientCnxns=0\nsnapCount={snap_count}\n4lw.commands.whitelist=*\n")
        self.process = None

    def start(self):
        """Returns the milliseconds from the process's start to the first answer, and the recovery's own figure."""
        log = open(self.directory / "log", "w+")
        began = time.monotonic()
        self.process = subprocess.Popen([self.binary, "serve", self.config], stderr=log)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(b"ruok")
                    if connection.recv(4) == b"imok":
                        break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(pathlib.Path(log.name).read_text())
        elapsed = (time.monotonic() - began) * 1000
        # A thread of its own writes the log of words, perhaps only now.
        while not (recovered := re.search(r"state recovered.*millis=(\d+)", pathlib.Path(log.name).read_text())):
            time.sleep(0.01)
        return elapsed, int(recovered.group(1))

    def stop(self, how):
        self.process.send_signal(how)
        self.process.wait()

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def monitor(self, key):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"mntr")
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return int(re.search(rf"zk_{key}\t(\d+)", text).group(1))

    def wait_for_snapshots(self, more_than):
        while self.monitor("snapshots") <= more_than:
            time.sleep(0.2)


def cpu_ticks():
    """Of all CPUs since boot: what the host took away, and all."""
    words = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return words[7], sum(words)


def bench(server, root, *options):
    out = server.directory / "bench.json"
    command = [server.binary, "bench", "--server", f"127.0.0.1:{server.port}", "--pid", str(server.process.pid),
               "--root", root, "--json", out, "--no-progress", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=str(HERE.parent / "target/release/paddock"))
    parser.add_argument("--znodes", type=int, default=1_000_000)
    parser.add_argument("--name", default="million")
    parser.add_argument("--rest", type=float, default=0, metavar="SECONDS",
                        help="wait before each measurement, where the host takes CPUs away from whoever has used them long")
    arguments = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="million-", dir=HERE)
    try:
        measure(arguments, directory)
    finally:
        shutil.rmtree(directory)


def measure(arguments, directory):
    rows = []
    server = Server(arguments.server, directory, 100_000)
    server.start()
    before = server.resident()
    keys = ["--keys", str(arguments.znodes), "--value-size", "100", "--keep"]
    # One read is enough: the znodes are made before it.
    bench(server, ROOT, "--reads", "100", "-c", "4", "-p", "64", "-n", "1000", "--warmup", "0", *keys)
    made = server.monitor("znode_count")
    rows.append(("resident bytes for each znode, as created", f"{(server.resident() - before) / made:.0f}"))
    server.stop(signal.SIGTERM)
    time.sleep(arguments.rest)
    elapsed, recovered = server.start()
    rows.append(("resident bytes for each znode, after a start", f"{(server.resident() - before) / made:.0f}"))
    rows.append(("start after a clean stop, ms to the first answer (recovery alone)", f"{elapsed:.0f} ({recovered})"))
    server.stop(signal.SIGKILL)
    time.sleep(arguments.rest)
    elapsed, recovered = server.start()
    rows.append(("start after kill -9, ms to the first answer (recovery alone)", f"{elapsed:.0f} ({recovered})"))
    server.stop(signal.SIGTERM)
    for snap_count, what in [(100_000_000, "no snapshot"), (20_000, "snapshots one after the other")]:
        server.config.write_text(re.sub(r"snapCount=\d+", f"snapCount={snap_count}", server.config.read_text()))
        server.start()
        time.sleep(arguments.rest)
        taken = server.monitor("snapshots")
        before = cpu_ticks()
        result = bench(server, "/latency", "--mix", "get=90,set=10", "-c", "50", "--rate", "20000", "-d", "15", "--warmup", "3",
                       "--keys", "100000", "--value-size", "100")
        stolen, total = (now - then for now, then in zip(cpu_ticks(), before))
        taken = server.monitor("snapshots") - taken
        what += f" ({taken} taken; {100 * stolen / total:.0f} % stolen)"
        for kind in ("reads", "writes"):
            rows.append((f"{kind}, 20,000 op/s 90/10, {what}: p50, p99, p99.9 us", percentiles(result, kind)))
        server.stop(signal.SIGTERM)
    text = "| what | figure |\n|---|--:|\n" + "".join(f"| {what} | {figure} |\n" for what, figure in rows)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / f"{arguments.name}.md").write_text(
        f"# {made:,} znodes, paths of 35 bytes, values of 100\n\nMade by `benches/million.py`. Stolen: the share of the "
        f"machine's CPU time that its host gave to others meanwhile.\n\n{text}")
    print(text)


def percentiles(result, kind):
    latency = result["runs"][0]["classes"][kind]
    return ", ".join(f"{latency[name]:,.0f}" for name in ("p50_us", "p99_us", "p99_9_us"))


if __name__ == "__main__":
    main()
