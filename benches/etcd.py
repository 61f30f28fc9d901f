#!/usr/bin/env python3
"""The write rows of `paddock bench versus` on etcd, by its own client and protocol: `etcd/` has the load and the server.

    benches/etcd.py --row write --rounds 1 --seconds 4        one server, 50 connections, one put at a time
    benches/etcd.py --row ensemble-write-32                   three servers

Both programs are built with `go build` to target/etcd; the modules come through Go's own proxy. Every run has new processes and
empty directories. What is not said on the command line is etcd's default: fsync is on, and a put is answered when a majority
has it. Figures go to RESULTS/NAME.json in the form of `paddock bench`.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import servers

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "target/etcd"
# Servers, connections, puts in flight on each: as the rows of the same names have it.
ROWS = {
    "write": (1, 50, 1),
    "write-32": (1, 50, 32),
    "write-1": (1, 1, 1),
    "ensemble-write": (3, 60, 1),
    "ensemble-write-32": (3, 60, 32),
}
START_MAX_S = 30
POLL_S = 0.05


def build():
    """Makes both programs; an error if there is no Go or a module cannot be had."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    if not shutil.which("go"):
        raise FileNotFoundError("there is no `go`, with which etcd is built")
    subprocess.run(["go", "build", "-o", f"{PROGRAMS}/", "./server", "./load"], cwd=HERE / "etcd", check=True)


def version():
    """What is built, in a few words."""
    told = subprocess.run([PROGRAMS / "server", "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0].replace(" Version:", "")


def free_ports(count):
    """Ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


class Cluster:
    """Servers of one run; ended and removed on leaving."""

    def __init__(self, count, parent):
        self.count, self.directory = count, pathlib.Path(tempfile.mkdtemp(prefix="etcd-", dir=parent))
        ports = free_ports(2 * count)
        self.clients, self.peers = ports[:count], ports[count:]
        self.processes = []

    def __enter__(self):
        cluster = ",".join(f"s{place}=http://127.0.0.1:{port}" for place, port in enumerate(self.peers))
        try:
            for place in range(self.count):
                client, peer = (f"http://127.0.0.1:{ports[place]}" for ports in (self.clients, self.peers))
                command = [PROGRAMS / "server", "--name", f"s{place}", "--data-dir", self.directory / str(place),
                           "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                           "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster, "--log-level", "error"]
                with open(self.directory / f"{place}.log", "wb") as log:
                    self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            for place in range(self.count):
                self.wait_until_serving(place)
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_serving(self, place):
        """Its health is that of the cluster: one put comes through."""
        deadline = time.monotonic() + START_MAX_S
        while not is_healthy(self.clients[place]):
            if self.processes[place].poll() is not None or time.monotonic() > deadline:
                sys.exit("etcd does not serve:\n" + (self.directory / f"{place}.log").read_text(errors="replace")[-2000:])
            time.sleep(POLL_S)

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(START_MAX_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory)


def is_healthy(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as stream:
            stream.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return b'"true"' in b"".join(iter(lambda: stream.recv(65536), b""))
    except OSError:
        return False


def one_run(args, row):
    count, connections, pipeline = ROWS[row]
    with Cluster(count, args.dir) as cluster:
        command = [PROGRAMS / "load", "-endpoints", ",".join(f"127.0.0.1:{port}" for port in cluster.clients),
                   "-pids", ",".join(str(process.pid) for process in cluster.processes), "-connections", str(connections),
                   "-pipeline", str(pipeline), "-seconds", str(args.seconds), "-warmup", str(args.warmup)]
        stolen, total = servers.cpu_ticks()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        stolen, total = (after - before for after, before in zip(servers.cpu_ticks(), (stolen, total)))
        if done.returncode != 0:
            sys.exit(f"the load failed: {done.stderr}")
        return json.loads(done.stdout) | {"stolen_percent": 100 * stolen / max(total, 1)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", required=True, choices=ROWS)
    parser.add_argument("--rounds", type=int, default=2, help="two runs each, as versus has of a side (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="that are measured of each run (default: %(default)s)")
    parser.add_argument("--warmup", type=float, default=5, help="seconds of the same load before (default: %(default)s)")
    parser.add_argument("--name", help="of the result (default: etcd-ROW)")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results", help="where it goes (default: benches/results)")
    parser.add_argument("--dir", default="/var/tmp", help="where data directories are made: a disk, no tmpfs")
    return parser.parse_args()


def main():
    args = arguments()
    servers.refuse_memory(args.dir)
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"etcd cannot be built: {error}")
    runs = [one_run(args, args.row) for _ in range(2 * args.rounds)]
    count, connections, pipeline = ROWS[args.row]
    document = {"row": args.row, "etcd": version(), "servers": count, "connections": connections, "pipeline": pipeline,
                "rounds": args.rounds, "seconds": args.seconds, "warmup": args.warmup, "bench_options": "",
                "machine": servers.machine(args.dir), "runs": runs}
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / f"{args.name or f'etcd-{args.row}'}.json").write_text(json.dumps(document, indent=1) + "\n")
    for run in runs:
        writes, server = run["classes"]["writes"], run["server"]
        print(f"{run['ops_per_second']:,.0f} puts/s, {server['cpu_us_per_op']:.1f} us of server CPU each, "
              f"p50 {writes['p50_us']:,.0f} us, p99 {writes['p99_us']:,.0f} us, {run['failures']} failed")


if __name__ == "__main__":
    main()
