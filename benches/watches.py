#!/usr/bin/env python3
"""Watches in numbers: memory for each, how fast they are set, and one change told to many, also to some who do not read.

    benches/watches.py [--server target/release/paddock] [--sessions 10000] [--one-shot 1000000] [--persistent 100000]
                       [--silent 1000] [--rounds 20] [--only paddock|zookeeper] [--name watches]

Paddock and Debian's ZooKeeper run one after the other, each measurement with a fresh process. Before ZooKeeper's memory is
read its garbage is collected (jcmd, of a JDK). The table goes to benches/results/NAME.md, every figure to NAME.json. The
machine should have nothing else to do; takes about five minutes. Needs `ulimit -n` above twice the sessions.
"""

import argparse
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# With `/keys/` and the sixteen digits of the number the paths have 35 bytes.
ROOT = "/watches-node"
JARS = "/usr/share/java/zookeeper.jar:/usr/share/java/*"
HEAP = "-Xmx2g"
START_MAX = 60
SESSION_TIMEOUT = "40000"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    def __init__(self, kind, binary, directory):
        self.kind, self.binary, self.port = kind, binary, free_port()
        directory = pathlib.Path(directory)
        self.config, self.log = directory / "zoo.cfg", directory / "log"
        self.config.write_text(
            f"tickTime=2000\ndataDir={directory}/data\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\n")
        main = "org.apache.zookeeper.server.ZooKeeperServerMain"
        java = ["java", HEAP, "-Dzookeeper.nio.sessionlessCnxnTimeout=60000", "-cp", JARS, main, str(self.config)]
        self.command = java if kind == "zookeeper" else [binary, "serve", str(self.config)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=open(self.log, "w"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_MAX
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(b"srvr")
                    if b"Mode:" in connection.recv(4096):
                        return self
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(self.log.read_text()[-4000:])
            time.sleep(0.1)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def bench(self, *options):
        out = self.config.parent / "bench.json"
        command = [self.binary, "bench", "--server", f"127.0.0.1:{self.port}", "--pid", str(self.process.pid),
                   "--root", ROOT, "--session-timeout", SESSION_TIMEOUT, "--json", str(out), "--no-progress", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())["runs"][0]

    def collect(self):
        if self.kind == "paddock":
            return []
        return ["--before-memory", f"jcmd {self.process.pid} GC.run > /dev/null"]


def measure(kind, arguments):
    def fresh(run):
        directory = tempfile.mkdtemp(prefix=f"watches-{kind}-", dir=HERE)
        try:
            with Server(kind, arguments.server, directory) as server:
                return run(server)
        finally:
            shutil.rmtree(directory)

    scale = ["--watch-scale", str(arguments.sessions), "--one-shot", str(arguments.one_shot),
             "--persistent", str(arguments.persistent)]
    told = ["--watchers", str(arguments.sessions), "--rounds", str(arguments.rounds)]
    figures = {"scale": fresh(lambda server: server.bench(*scale, *server.collect())),
               "told": fresh(lambda server: server.bench(*told))}
    if arguments.silent:
        figures["told_silent"] = fresh(lambda server: server.bench(*told, "--silent", str(arguments.silent)))
    return figures


def rows_of(figures, arguments):
    for step in figures["scale"]["steps"]:
        what = f"{step['watches']:,} {step['what']}"
        yield f"{what}: bytes each", f"{step['bytes_each']:,.0f}"
        yield f"{what}: set per second", f"{step['per_second']:,.0f}"
        yield f"{what}: server CPU us each", f"{step['server']['cpu_us_per_op']:.2f}"
    for key, who in (("told", ""), ("told_silent", f", {arguments.silent:,} of them silent")):
        if key not in figures:
            continue
        run = figures[key]
        what = f"one change to {arguments.sessions:,} watchers{who}"
        for part, name in (("answered", "the set is answered"), ("latency", "the last who reads hears")):
            latency = run[part]
            yield f"{what}: {name}, ms p50, p99", f"{latency['p50_us'] / 1000:,.1f}, {latency['p99_us'] / 1000:,.1f}"
        yield f"{what}: server CPU us each", f"{run['server']['cpu_us_per_op']:.2f}"
        yield f"{what}: most memory, MiB", f"{run['server']['resident_peak_bytes'] / 2**20:,.0f}"


def table(all_figures, arguments):
    kinds = list(all_figures)
    columns = {kind: dict(rows_of(figures, arguments)) for kind, figures in all_figures.items()}
    names = {"paddock": "Paddock", "zookeeper": "ZooKeeper"}
    lines = ["| what | " + " | ".join(names[kind] for kind in kinds) + " |", "|---|" + "--:|" * len(kinds)]
    for what in columns[kinds[0]]:
        lines.append(f"| {what} | " + " | ".join(columns[kind].get(what, "-") for kind in kinds) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=str(HERE.parent / "target/release/paddock"))
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--one-shot", type=int, default=1_000_000)
    parser.add_argument("--persistent", type=int, default=100_000)
    parser.add_argument("--silent", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=["paddock", "zookeeper"])
    parser.add_argument("--name", default="watches")
    arguments = parser.parse_args()
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed[1], allowed[1]))
    kinds = [arguments.only] if arguments.only else ["paddock", "zookeeper"]
    figures = {kind: measure(kind, arguments) for kind in kinds}
    text = table(figures, arguments)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    command = shlex.join([os.path.join("benches", pathlib.Path(sys.argv[0]).name), *sys.argv[1:]])
    (results / f"{arguments.name}.md").write_text(
        f"# Watches of {arguments.sessions:,} sessions, paths of 35 bytes\n\nMade by `{command}`. ZooKeeper runs with {HEAP}; its "
        f"memory is read after a collection, but in the last rows.\n\n{text}")
    (results / f"{arguments.name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
