#!/usr/bin/env python3
"""What one durable write of three servers costs the leader and a follower: system calls, wake-ups, syncs, bytes and CPU time.

    benches/budget.py                          both rows with target/release/paddock, a table on stdout
    benches/budget.py --name budget            ... and benches/results/budget.{json,md}
    benches/budget.py --instructions           instructions instead, counted by callgrind (apt install valgrind); with
                                               --name NAME they go to benches/results/NAME.md

Calls are counted by the kernel's tracepoints (`perf stat`, as root; apt install linux-perf), which cost some hundred ns each:
CPU time and latency are of runs without them. A wake-up is a voluntary context switch: the thread had nothing to do. Bytes are
what the process has written to sockets and to the log. Under callgrind the log is written without sync and by a thread, because
valgrind knows no io_uring; only one of the three servers runs under it at a time.
"""

import argparse
import json
import pathlib
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import servers
from instructions import by_function

ROOT = pathlib.Path(__file__).resolve().parent.parent
PORT = 24783
PADDOCK = "{binary} serve {{config}}"
# For callgrind: what io_uring would do is done by a thread, and nothing waits for the device.
WITHOUT_RING = "{binary} serve -Dpaddock.io.method=thread -Dpaddock.reactors=0 -Dzookeeper.forceSync=no {{config}}"
CALLGRIND = "valgrind --tool=callgrind --instr-atstart=no --callgrind-out-file={dir}/../callgrind.out "
# Name, what is said of it, options of the bench.
ROWS = {
    "one at a time": ["--reads", "0", "-c", "60", "-p", "1"],
    "pipelined": ["--reads", "0", "-c", "60", "-p", "32"],
    "one client": ["--reads", "0", "-c", "1", "-p", "1"],
    "mix": ["--reads", "90", "-c", "60", "-p", "32"],
}
CALLS = ["epoll_wait", "recvfrom", "sendto", "read", "write", "writev", "io_uring_enter", "futex"]
TICK_S = 0.01
# Znodes that are written to, which are made first, and writes behind them before anything is counted.
KEYS = 1000
LEAD_IN = 500
ROUNDS = 3


# A server under callgrind may be so slow that it has no leader for a moment.
SERVES_MAX_S = 60


def figures(port):
    """What `mntr` tells, numbers by name."""
    deadline = time.monotonic() + SERVES_MAX_S
    while True:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
            stream.sendall(b"mntr")
            text = b"".join(iter(lambda: stream.recv(65536), b"")).decode()
        if "zk_version" in text:
            return {name: int(value) for name, value in re.findall(r"^(\w+)\t(\d+)$", text, re.MULTILINE)}
        if time.monotonic() > deadline:
            sys.exit(f"the server at {port} does not serve: {text}")
        time.sleep(0.1)


def process(pid):
    """CPU seconds and voluntary context switches of a process, all its threads; bytes that it has written to anything."""
    stat = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    switches = sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", task.read_text(), re.MULTILINE).group(1))
                   for task in pathlib.Path(f"/proc/{pid}/task").glob("*/status"))
    written = int(re.search(r"^wchar: (\d+)$", open(f"/proc/{pid}/io").read(), re.MULTILINE).group(1))
    return {"cpu_s": (int(stat[11]) + int(stat[12])) * TICK_S, "wakeups": switches, "written": written}


class Trace:
    """Calls of a process by name, counted by the kernel."""

    def __init__(self, pid, directory):
        self.out = directory / f"perf-{pid}"
        events = ",".join(["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{call}" for call in CALLS)])
        self.perf = subprocess.Popen(["perf", "stat", "-x", ";", "-o", self.out, "-e", events, "-p", str(pid)])

    def end(self):
        self.perf.send_signal(signal.SIGINT)
        self.perf.wait()
        counts = {}
        for line in self.out.read_text().splitlines():
            fields = line.split(";")
            if len(fields) > 2 and fields[0].isdigit():
                counts[fields[2].partition("sys_enter")[2].lstrip("_") or "all"] = int(fields[0])
        return counts


def while_loaded(binary, cluster, options, seconds, begin, end):
    """`begin` in the middle of a load, and `end` after so many seconds of it."""
    # The keys are made first; behind the seconds something is left, so that the load is there until the end. Nobody
    # removes the keys: the servers' directories go as a whole.
    hosts = [word for server in cluster.all for word in ("--server", f"127.0.0.1:{server.port}")]
    bench = subprocess.Popen([binary, "bench", *hosts, *options, "-k", str(KEYS), "--duration", str(seconds + 4),
                              "--warmup", "1", "--keep"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    port = cluster.all[0].port
    while figures(port)["zk_log_transactions"] < KEYS + LEAD_IN:
        if bench.poll() is not None:
            sys.exit(f"the load failed: {bench.stderr.read()}")
        time.sleep(0.05)
    began = begin()
    time.sleep(seconds)
    found = end(began)
    _, said = bench.communicate()
    if bench.returncode != 0:
        sys.exit(f"the load failed: {said}")
    return found


def measure(binary, directory, options, seconds, is_traced):
    """What the leader and a follower did in `seconds` of the load, each in figures for one write."""
    with servers.Servers(PADDOCK.format(binary=binary), 3, directory, PORT) as cluster:
        leads = cluster.leader()
        follows = (leads + 1) % 3
        watched = {"leader": cluster.all[leads], "follower": cluster.all[follows]}

        def begin():
            traces = {who: Trace(server.process.pid, directory) for who, server in watched.items()} if is_traced else {}
            return traces, {who: (figures(server.port), process(server.process.pid)) for who, server in watched.items()}

        def end(began):
            traces, before = began
            found = {}
            for who, server in watched.items():
                told, did = figures(server.port), process(server.process.pid)
                writes = told["zk_log_transactions"] - before[who][0]["zk_log_transactions"]
                groups = told["zk_log_groups"] - before[who][0]["zk_log_groups"]
                found[who] = {"writes": writes, "writes in a group": writes / max(groups, 1)}
                if is_traced:
                    counts = traces[who].end()
                    found[who] |= {f"calls: {name}": count / writes for name, count in counts.items()}
                else:
                    found[who] |= {"CPU, us": (did["cpu_s"] - before[who][1]["cpu_s"]) * 1e6 / writes,
                                   "wake-ups": (did["wakeups"] - before[who][1]["wakeups"]) / writes,
                                   "syncs": groups / writes,
                                   "log, bytes": (told["zk_log_bytes"] - before[who][0]["zk_log_bytes"]) / writes}
            return found

        return while_loaded(binary, cluster, options, seconds, begin, end)


def control(server, *words):
    subprocess.run(["callgrind_control", *words, str(server.process.pid)], check=True, capture_output=True)


def instructions(binary, directory, options, who, seconds):
    """Instructions for one write, by function, of the leader or of a follower."""
    # The one with the largest id comes to lead where all are new; whoever is to be watched is started under callgrind.
    place = 2 if who == "leader" else 0
    with servers.Servers(WITHOUT_RING.format(binary=binary), 3, directory, PORT) as cluster:
        watched = cluster.all[place]
        watched.stop()
        watched.command = CALLGRIND.replace("{dir}", "{dir}") + watched.command
        watched.start()
        watched.wait_until_serving()
        while (cluster.leader() == place) != (who == "leader"):
            # Another one leads: it gives way.
            other = cluster.all[cluster.leader()]
            other.stop()
            other.start()
            other.wait_until_serving()

        def begin():
            before = figures(watched.port)["zk_log_transactions"]
            control(watched, "-i", "on")
            return before

        def end(before):
            control(watched, "-i", "off")
            return figures(watched.port)["zk_log_transactions"] - before

        writes = while_loaded(binary, cluster, options, seconds, begin, end)
        watched.stop()
        costs = by_function(watched.directory / "callgrind.out")
        return {function: cost / writes for function, cost in costs.items()}


def median_of(rounds):
    """Of several rounds, figure by figure."""
    return {who: {name: statistics.median(round[who][name] for round in rounds) for name in rounds[0][who]}
            for who in rounds[0]}


def table(found):
    """A column for each row and server."""
    columns = [(row, who) for row in found for who in ("leader", "follower")]
    names = dict.fromkeys(name for row, who in columns for name in found[row][who])
    names = [name for name in names if any(found[row][who].get(name) for row, who in columns)]
    lines = ["| for one write |" + "".join(f" {row}, {who} |" for row, who in columns), "|---|" + "--:|" * len(columns)]
    for name in names:
        values = (found[row][who].get(name) for row, who in columns)
        lines.append(f"| {name} |" + "".join(" |" if value is None else f" {value:,.3g} |" if value < 100 else f" {value:,.0f} |"
                                             for value in values))
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/paddock")
    parser.add_argument("--row", action="append", choices=ROWS, help="instead of all")
    parser.add_argument("--seconds", type=int, default=5, help="that are measured of each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="the table has their medians (default: %(default)s)")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"), help="on a disk (default: %(default)s)")
    parser.add_argument("--name", help="also writes the table and all rounds to benches/results")
    parser.add_argument("--instructions", action="store_true", help="instructions by function instead")
    parser.add_argument("--top", type=int, default=15, help="functions that are shown (default: %(default)s)")
    return parser.parse_args()


def main():
    args = arguments()
    servers.refuse_memory(args.dir)
    rows = args.row or list(ROWS)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="budget-", dir=args.dir))
    binary = args.binary.resolve()
    try:
        if args.instructions:
            lines = []
            for row in rows:
                for who in ("leader", "follower"):
                    costs = instructions(binary, directory, ROWS[row], who, args.seconds)
                    lines += ["", f"| {row}, {who} | {sum(costs.values()):,.0f} |", "|---|--:|"]
                    lines += [f"| `{function}` | {costs[function]:,.0f} |"
                              for function in sorted(costs, key=costs.get, reverse=True)[:args.top]]
            print("\n".join(lines))
            if args.name:
                head = "# Instructions of one write, on three servers\n\nCounted by callgrind, of one server at a time. That is " \
                       "slower than the others, so that few of the clients' requests\ncome by a follower: its figure is " \
                       "nearly that of what its leader sends.\n\n`" + shlex.join(["benches/budget.py", *sys.argv[1:]]) + "`"
                (ROOT / f"benches/results/{args.name}.md").write_text("\n".join([head, *lines, ""]))
            return
        rounds = {row: [] for row in rows}
        for _ in range(args.rounds):
            for row in rows:
                plain = measure(binary, directory, ROWS[row], args.seconds, False)
                traced = measure(binary, directory, ROWS[row], args.seconds, True)
                rounds[row].append({who: {f: v for f, v in traced[who].items() if f.startswith("calls")} | plain[who]
                                    for who in plain})
        found = {row: median_of(all) for row, all in rounds.items()}
        text = f"{servers.machine(args.dir)}\n\n{table(found)}\n"
        print(text)
        if args.name:
            results = ROOT / "benches/results"
            (results / f"{args.name}.json").write_text(json.dumps(rounds, indent=1))
            (results / f"{args.name}.md").write_text(f"# What one write costs three servers\n\n{text}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
