#!/usr/bin/env python3
"""Compares two servers with `paddock bench`, in the order A B B A, so that a slow drift of the machine falls on both.

Each of the four runs of a row has a fresh data directory on the same disk, a fresh process, and the machine to itself:
the other server is not running. Figures of a row are the median of its two (or, with --rounds, more) runs. The result
goes to benches/results/NAME.md and NAME.json.

A server is "paddock", "zookeeper" (Debian's package of that name, or the one whose class path is in ZOOKEEPER_CLASSPATH),
or a command as `servers.py` tells. A row about an ensemble has three of them; CPU time and memory are those of all three.

    benches/pair.py --name first                             Paddock against ZooKeeper, all rows, about 10 minutes
    benches/pair.py --name reads --row read --row read-32
    benches/pair.py --name ensemble --servers 3              the rows about ensembles
    benches/pair.py --name ycsb --preset ycsb-b              a preset of the bench instead of the rows
    benches/pair.py --name heap --a "zookeeper" --b "java -Xmx4g -cp /usr/share/java/zookeeper.jar \\
                     org.apache.zookeeper.server.ZooKeeperServerMain {config}"
"""

import argparse
import collections
import json
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile

import servers

HERE = pathlib.Path(__file__).resolve().parent

# Options are those of the bench; the aim is the most server CPU per operation, or else, that Paddock allows itself; `to` is
# whom clients are connected to in an ensemble: "all" in turn, the "leader" or one "follower".
Row = collections.namedtuple("Row", "title options aim servers to", defaults=(1, "all"))
ROWS = {
    "read": Row("read, 50 connections, one at a time", "--reads 100 -c 50 -p 1", "9 us CPU"),
    "read-32": Row("read, 50 connections, pipelined 32", "--reads 100 -c 50 -p 32", "1.2 us CPU"),
    "write": Row("durable write, 50 connections, one at a time", "--reads 0 -c 50 -p 1", "13 us CPU"),
    "write-32": Row("durable write, 50 connections, pipelined 32", "--reads 0 -c 50 -p 32", "3 us CPU"),
    "write-1": Row("durable write, 1 client, one at a time", "--reads 0 -c 1 -p 1", "p50 of one durable 4 KiB + 60 us"),
    "read-10k": Row("read, 50 connections, 10,000/s", "--reads 100 -c 50 -p 1 --rate 10000", ""),
    "write-10k": Row("durable write, 50 connections, 10,000/s", "--reads 0 -c 50 -p 1 --rate 10000", ""),
    "storm": Row("5,000 sessions at once", "--connect-storm 5000", "20,000/s"),
    "watchers": Row("one change told to 2,000 watchers, time to the last", "--watchers 2000", "8 ms to the last"),
    "ensemble-write": Row("durable write, 3 servers, 60 connections, one at a time", "--reads 0 -c 60 -p 1", "40 us CPU",
                          3),
    "ensemble-write-32": Row("durable write, 3 servers, 60 connections, pipelined 32", "--reads 0 -c 60 -p 32", "10 us CPU",
                             3),
    "ensemble-mix-32": Row("90/10 mix, 3 servers, 60 connections, pipelined 32", "--reads 90 -c 60 -p 32", "4 us CPU", 3),
    "leader-write-32": Row("durable write, 3 servers, 60 connections to the leader, pipelined 32", "--reads 0 -c 60 -p 32",
                           "", 3, "leader"),
    "follower-write-32": Row("durable write, 3 servers, 60 connections to one follower, pipelined 32",
                             "--reads 0 -c 60 -p 32", "", 3, "follower"),
    "ensemble-write-1": Row("durable write, 3 servers, 1 client of the leader, one at a time", "--reads 0 -c 1 -p 1", "", 3,
                            "leader"),
    "ensemble-write-2k": Row("durable write, 3 servers, 60 connections, 2,000/s", "--reads 0 -c 60 -p 1 --rate 2000", "",
                             3),
}
# Rows that are no load have neither a warm-up nor a duration: a short load before them warms the server up.
OF_THEIR_OWN = ("storm", "watchers")

RUN_MAX_S = 900


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="name of the result files")
    parser.add_argument("--a", default="paddock", help="server A (default: paddock)")
    parser.add_argument("--b", default="zookeeper", help="server B (default: zookeeper)")
    parser.add_argument("--a-name", help="what to call A in the table")
    parser.add_argument("--b-name", help="what to call B in the table")
    parser.add_argument("--paddock", default=str(HERE.parent / "target/release/paddock"),
                        help="the binary with the bench, and the server \"paddock\"")
    parser.add_argument("--paddock-command", default="serve {config}",
                        help="what starts the server \"paddock\" after its binary (default: \"serve {config}\")")
    parser.add_argument("--row", action="append", choices=list(ROWS), help="only this row; repeat it for several")
    parser.add_argument("--preset", action="append", help="a preset of the bench instead of the rows; may be repeated")
    parser.add_argument("--servers", type=int, choices=(1, 3),
                        help="only rows about so many servers; with --preset so many servers (default: 1)")
    parser.add_argument("--seconds", type=float, default=8, help="measured length of a load (default: 8)")
    parser.add_argument("--warmup", type=float, default=5, help="load before it, a JVM needs it (default: 5)")
    parser.add_argument("--rounds", type=int, default=1, help="how often A B B A (default: once)")
    parser.add_argument("--stolen-max", type=float, default=100, metavar="PERCENT",
                        help="repeat a run from which the host took more of the CPUs (default: 100, never)")
    parser.add_argument("--tries", type=int, default=6, help="how often at most; the quietest try counts (default: 6)")
    parser.add_argument("--port", type=int, default=24391, help="first port of the servers (default: 24391)")
    parser.add_argument("--dir", default="/var/tmp", help="where data directories are made: a disk, no tmpfs")
    parser.add_argument("--bench-options", default="", help="more options for every run of the bench")
    args = parser.parse_args()
    servers.refuse_memory(args.dir)
    return args


def bench(args, running, to, options):
    """One run of the bench: its JSON."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [args.paddock, "bench", "--json", file.name]
        command += [word for port in running.ports(to) for word in ("--server", f"127.0.0.1:{port}")]
        command += [word for pid in running.pids() for word in ("--pid", str(pid))]
        command += shlex.split(options) + shlex.split(args.bench_options)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=RUN_MAX_S)
        if done.returncode != 0:
            sys.exit(f"{shlex.join(command)} failed: {done.stderr}")
        return json.load(open(file.name))["runs"]


def measure_quietly(args, command, name, row):
    """The try with the least stolen time. A virtual machine whose host is busy measures the host: stolen time is counted
    as the CPU time of whoever is running."""
    best = None
    for _ in range(args.tries):
        runs = measure(args, command, name, row)
        if best is None or runs[0]["stolen_percent"] < best[0]["stolen_percent"]:
            best = runs
        if best[0]["stolen_percent"] <= args.stolen_max:
            break
    return best


def measure(args, command, name, row):
    """One row on one fresh server or ensemble: a list of runs."""
    with servers.Servers(command, row.servers, args.dir, args.port) as running:
        timed = f" --duration {args.seconds} --warmup {args.warmup}"
        if name in OF_THEIR_OWN:
            if args.warmup > 0:
                bench(args, running, row.to, f"--reads 50 --warmup 0 --duration {args.warmup}")
            timed = ""
        elif name in ("chubby-latency", "zk-latencies"):
            timed = ""  # a number of operations of their own
        stolen, total = servers.cpu_ticks()
        runs = bench(args, running, row.to, row.options + timed)
        stolen, total = (after - before for after, before in zip(servers.cpu_ticks(), (stolen, total)))
        for run in runs:
            run["stolen_percent"] = 100 * stolen / max(total, 1)
        return runs


def latency(run):
    """The histogram that stands for a run: its only class, or the one with most operations."""
    if "latency" in run:
        return run["latency"]
    return max(run["classes"].values(), key=lambda one: one["count"])


FIGURES = {
    "ops/s": lambda run: run["ops_per_second"],
    "p50 us": lambda run: latency(run)["p50_us"],
    "p99 us": lambda run: latency(run)["p99_us"],
    "p99.9 us": lambda run: latency(run)["p99_9_us"],
    "server CPU us/op": lambda run: run["server"]["cpu_us_per_op"],
    "RSS MiB": lambda run: run["server"]["resident_bytes"] / 2**20,
    "client CPU us/op": lambda run: run["client"]["cpu_us_per_op"],
    "stolen %": lambda run: run["stolen_percent"],
    "failures": lambda run: failures(run),
}


def failures(run):
    failed = run.get("failures", run.get("failed", 0))
    return sum(failed.values()) if isinstance(failed, dict) else failed


def medians(runs):
    return {name: statistics.median(figure(run) for run in runs) for name, figure in FIGURES.items()}


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(results, names, args):
    """The table: for each row a line per server and the ratio A / B."""
    head = ["work", "server", *FIGURES]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "--:|" * len(FIGURES)]
    for result in results:
        a, b = medians(result["a"]), medians(result["b"])
        aim = f" (aim: {result['aim']})" if result["aim"] else ""
        lines.append(f"| **{result['title']}**{aim} | {names[0]} | " + " | ".join(map(number, a.values())) + " |")
        lines.append(f"| | {names[1]} | " + " | ".join(map(number, b.values())) + " |")
        ratios = [f"{a[name] / b[name]:.3g}" if b[name] else "" for name in FIGURES]
        lines.append("| | *ratio* | " + " | ".join(ratios) + " |")
    runs = 2 * args.rounds
    return "\n".join([
        f"# {args.name}: {names[0]} and {names[1]}",
        "",
        f"Order {'A B B A ' * args.rounds}with A = {names[0]}, B = {names[1]}; medians of {runs} runs each. Fresh data directory "
        f"and process for each run; client and server on the same machine: {servers.machine(args.dir)}. Loads: "
        f"{args.warmup:g} s of warm-up, {args.seconds:g} s measured. Values of 100 bytes, 10,000 keys, uniform, unless the work says otherwise.",
        "",
        *lines,
        "",
        # Without the place where this checkout happens to be.
        f"- A: `{args.a.replace(str(HERE.parent) + '/', '')}`",
        f"- B: `{args.b.replace(str(HERE.parent) + '/', '')}`",
        "- zoo.cfg of both: `" + "; ".join(servers.ZOO_CFG.strip().splitlines()) + "`, in an ensemble also `"
        + "; ".join(servers.ENSEMBLE_CFG.strip().splitlines()) + "` and the lines of the servers",
        "- CPU is user + system time of the servers' processes, all together, over the measured time (for watchers: over the "
        "changes, per notification). Latency is that of the class (reads, writes) with most operations; for sessions the time from "
        "connect to session; for watchers from the change to the last notification.",
        "- Stolen: share of the machine's CPU time that its host gave to others during the run, warm-up included. Of at most "
        f"{args.tries} tries a run is the first with at most {args.stolen_max:g} %, or else the one with the least.",
        "",
    ])


def main():
    args = arguments()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    known = {"zookeeper": servers.ZOOKEEPER, "paddock": f"{args.paddock} {args.paddock_command}"}
    names = (args.a_name or args.a, args.b_name or args.b)
    args.a, args.b = known.get(args.a, args.a), known.get(args.b, args.b)
    results = []
    for name, row in chosen_rows(args):
        runs = {"a": [], "b": []}
        for which in "abba" * args.rounds:
            print(f"{row.title}: {names['ab'.index(which)]}", file=sys.stderr, flush=True)
            runs[which].append(measure_quietly(args, getattr(args, which), name, row))
        # A preset may be several runs: one row for each.
        for n, first in enumerate(runs["a"][0]):
            label = row.title if len(runs["a"][0]) == 1 else first["label"]
            results.append({"row": name, "title": label, "aim": row.aim, "options": row.options, "servers": row.servers,
                            "to": row.to, "a": [run[n] for run in runs["a"]], "b": [run[n] for run in runs["b"]]})
        write(args, names, results)
    print(markdown(results, names, args))


def chosen_rows(args):
    """Names and rows, in order."""
    if args.preset:
        return [(preset, Row(preset, f"--preset {preset}", "", args.servers or 1)) for preset in args.preset]
    chosen = [(name, ROWS[name]) for name in args.row or ROWS]
    return [(name, row) for name, row in chosen if args.servers in (None, row.servers)]


def write(args, names, results):
    """Writes what there is so far: a long comparison that is interrupted keeps its rows."""
    directory = HERE / "results"
    directory.mkdir(exist_ok=True)
    (directory / f"{args.name}.md").write_text(markdown(results, names, args))
    document = {"name": args.name, "a": {"name": names[0], "command": args.a}, "b": {"name": names[1], "command": args.b},
                "zoo_cfg": servers.ZOO_CFG, "ensemble_cfg": servers.ENSEMBLE_CFG, "seconds": args.seconds,
                "warmup": args.warmup, "rounds": args.rounds, "machine": servers.machine(args.dir),
                "load_average": os.getloadavg(), "rows": results}
    text = json.dumps(document, indent=1).replace(str(HERE.parent) + "/", "")
    (directory / f"{args.name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
