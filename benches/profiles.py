#!/usr/bin/env python3
"""What a Paddock does while it has the work of a row of `paddock bench versus`: functions and system calls, as perf tells them.

    benches/profiles.py --row RESULTS/write.json       the row's own options; RESULTS/profile-write.json

Functions are samples of CPU time of the server that leads and of one that follows, or of the one there is; for the row about
memory they are page faults, each of which is 4 KiB that had not been touched before. System calls are counted for each operation
by the kernel's tracepoints (as root). perf is Debian's linux-perf; without it the file says so.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import budget
import servers

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = HERE.parent / "target/release"
PORT = 24891
# Samples a second, of each processor.
FREQUENCY = 499
# Of a server, those that are told.
TOP = 15
LEAD_IN_S = 3
# perf does not say when it has begun.
ATTACH_S = 0.5
MANY_ROOT = "/million-node"
# Changes that are told to watchers: enough to last until perf has seen them.
MANY_ROUNDS = 100_000
MISSING = "perf is not installed (apt install linux-perf): no profile"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", required=True, type=pathlib.Path, help="result of `paddock bench versus` with one row")
    parser.add_argument("--paddock", default=str(RELEASE / "paddock"), help="default: target/release/paddock")
    parser.add_argument("--seconds", type=float, default=5, help="of samples, and again of calls (default: %(default)s)")
    parser.add_argument("--dir", default="/var/tmp", help="where data directories are made: a disk, no tmpfs")
    args = parser.parse_args()
    servers.refuse_memory(args.dir)
    args.paddock = str(pathlib.Path(args.paddock).resolve())
    return args


class Samples:
    """perf on a process, until `end`."""

    def __init__(self, directory, words):
        self.out = pathlib.Path(directory) / f"perf-{time.monotonic_ns()}"
        self.perf = subprocess.Popen(["perf", "record", "-q", "-o", self.out, *words], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(ATTACH_S)

    def end(self):
        self.perf.send_signal(signal.SIGINT)
        _, said = self.perf.communicate()
        if not self.out.exists():
            sys.exit(f"perf recorded nothing: {said}")
        command = ["perf", "report", "-i", self.out, "--stdio", "--no-children", "--sort", "symbol,dso", "-q"]
        told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        return functions(told)


def functions(report):
    """Of `perf report`: share in per cent, name and whose code, the greatest first; and the shares of whose code it is."""
    # What follows the object is about branches, which are not sampled.
    found = re.findall(r"^\s*([0-9.]+)%\s+\[(.)\]\s+(.*?)\s{2,}(\S+)(?: +-)* *$", report, re.MULTILINE)
    all_of_them = [{"percent": float(share), "name": name, "of": "kernel" if mark == "k" else of}
                   for share, mark, name, of in found]
    by_object = {of: sum(one["percent"] for one in all_of_them if one["of"] == of) for of in {one["of"] for one in all_of_them}}
    return {"functions": all_of_them[:TOP], "by_object": by_object}


def on(pid):
    return ["-F", str(FREQUENCY), "-p", str(pid)]


class Load:
    """`paddock bench` with a row's options, as long as it is needed."""

    def __init__(self, args, running, row):
        self.ports, self.row = running.ports(row["to"]), row
        hosts = [word for port in self.ports for word in ("--server", f"127.0.0.1:{port}")]
        self.command = [args.paddock, "bench", *hosts, *row["options"].split(), "--no-progress"]
        self.out = pathlib.Path(args.dir) / f"paddock-profile-{os.getpid()}.json"
        if "--connect-storm" in row["options"]:
            # One storm after the other: each is over too soon.
            self.command = ["sh", "-c", f"while {shlex.join(self.command)}; do :; done"]
        elif "--watchers" in row["options"]:
            self.command += ["--rounds", str(MANY_ROUNDS)]
        else:
            self.command += ["--warmup", "0", "--duration", str(2 * args.seconds + 2 * LEAD_IN_S), "--json", str(self.out)]
        self.is_timed = "--json" in self.command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(LEAD_IN_S)
        return self

    def operations_per_second(self):
        """Waits for the end; None where the work is no such load."""
        if not self.is_timed:
            return None
        if self.process.wait() != 0:
            sys.exit(f"the load failed: {shlex.join(self.command)}")
        return json.loads(self.out.read_text())["runs"][0]["ops_per_second"]

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.out.unlink(missing_ok=True)


def of_load(args, row, directory):
    """While it has the load: who, functions, calls."""
    with servers.Servers(f"{shlex.quote(args.paddock)} serve {{config}}", row["servers"], args.dir, PORT) as running:
        leads = 0 if row["servers"] == 1 else running.leader()
        watched = {"server": running.all[0]} if row["servers"] == 1 else {
            "leader": running.all[leads], "follower": running.all[(leads + 1) % row["servers"]]}
        with Load(args, running, row) as load:
            samples = {who: Samples(directory, on(server.process.pid)) for who, server in watched.items()}
            time.sleep(args.seconds)
            found = {who: one.end() for who, one in samples.items()}
            if can_count():
                traces = {who: budget.Trace(server.process.pid, pathlib.Path(directory)) for who, server in watched.items()}
                began = time.monotonic()
                time.sleep(args.seconds)
                took = time.monotonic() - began
                counts = {who: trace.end() for who, trace in traces.items()}
                per_second = load.operations_per_second()
                for who, calls in counts.items():
                    divisor = took if per_second is None else took * per_second
                    found[who]["calls"] = {name: count / divisor for name, count in calls.items() if count}
                    found[who]["calls_are_per"] = "second" if per_second is None else "operation"
        return found


def can_count():
    """Whether the kernel's tracepoints are to be had."""
    done = subprocess.run(["perf", "stat", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True)
    return done.returncode == 0


def fill(args, running, znodes):
    command = [args.paddock, "bench", "--server", f"127.0.0.1:{running.all[0].port}", "--root", MANY_ROOT, "--keep", "--keys",
               str(znodes), "--value-size", "100", "--reads", "100", "-c", "1", "-n", "1", "--warmup", "0", "--no-progress"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def of_memory(args, znodes, directory):
    """Who touches memory for the first time."""
    with servers.Servers(f"{shlex.quote(args.paddock)} serve {{config}}", 1, args.dir, PORT) as running:
        samples = Samples(directory, ["-e", "page-faults", "-c", "1", "-p", str(running.all[0].process.pid)])
        fill(args, running, znodes)
        return {"server": samples.end() | {"functions_are": "page faults"}}


def of_start(args, znodes, directory):
    """From the start of the process until it serves."""
    with servers.Servers(f"{shlex.quote(args.paddock)} serve {{config}}", 1, args.dir, PORT) as running:
        server = running.all[0]
        fill(args, running, znodes)
        server.stop()
        out = pathlib.Path(directory) / "perf-start"
        plain, server.command = server.command, f"perf record -q -F {FREQUENCY} -o {out} -- {server.command}"
        server.start()
        server.wait_until_serving()
        # perf ends with the server, whose process is its child.
        subprocess.run(["pkill", "-TERM", "-P", str(server.process.pid)], check=True)
        server.process.wait()
        server.command = plain
        command = ["perf", "report", "-i", out, "--stdio", "--no-children", "--sort", "symbol,dso", "-q"]
        told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        return {"server": functions(told)}


def main():
    args = arguments()
    document = json.loads(args.row.read_text())
    row = document["rows"][0]
    found = {"row": row["row"], "machine": servers.machine(args.dir)}
    if shutil.which("perf") is None:
        found["missing"] = MISSING
    else:
        with tempfile.TemporaryDirectory(prefix="profile-", dir=args.dir) as directory:
            if row["row"] == "memory":
                found["servers"] = of_memory(args, document["znodes"], directory)
            elif row["row"] == "start":
                found["servers"] = of_start(args, document["znodes"], directory)
            else:
                found["servers"] = of_load(args, row, directory)
    out = args.row.with_name(f"profile-{row['row']}.json")
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(out)


if __name__ == "__main__":
    main()
