#!/usr/bin/env python3
"""Ten thousand sessions over three servers: how fast they come, what each costs while it is idle, how they get over their
leader's death, and how long one change takes to all of them through those who follow.

Each turn of a side has two ensembles, both new:

- in the first all sessions come at once (`paddock bench --connect-storm`), and go; then all sessions watch one znode, on the two
  servers that follow, and it is changed, several times;
- in the second they come 32 at a time for each server (`examples/failover`), are idle for some seconds, when memory is read, and
  then ask for something while the leader is killed. Afterwards the killed server is left away for longer than a session lives
  without its client, so that one that was not kept expires.

The sides change in the order A B B A. The tables go to RESULTS/NAME.md, every figure to NAME.json.

    cargo build --release --bin paddock && cargo build --release --package paddock-benches --example failover
    benches/sessions.py --name sessions --b-name "ZooKeeper 3.9.5"
    benches/sessions.py --name sessions-small --sessions 300 --order a

Memory of a session is the growth of resident memory of all three servers, divided by the sessions; of a JVM, of what its heap
holds after a collection (jcmd, of a JDK). Needs `ulimit -n` above the sessions.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import failover
import servers

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = HERE.parent / "target/release"
COUNT = 3
# All of them are to be back so long after the leader's death.
BACK_MAX_MS = 2000
# While sessions are idle and memory comes to rest.
IDLE_S = 5
# Operations a second, of all sessions together: none to speak of, and while the leader is killed.
RATES = {"idle": 1, "loaded": 1500}
# After a session's timeout, for the leader to notice that it is over.
EXPIRY_S = 4
# Files of the clients besides their sessions.
OTHER_FILES = 200
STORM_MAX_S = 120

FIGURES = {
    "connects_per_second": ("sessions opened at once, per second", "more"),
    "storm_last_ms": ("... the last of them after, ms", "less"),
    "idle_bytes": ("memory of an idle session, bytes", "less"),
    "idle_bytes_resident": ("... resident, bytes", "less"),
    "first_write_ms": ("leader killed: first write after, ms", "less"),
    "last_resumed_ms": ("leader killed: last session served again after, ms", "less"),
    "watch_first_ms": ("one change: the first watcher hears after, ms", "less"),
    "watch_last_ms": ("one change: the last watcher hears after, ms", "less"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="sessions", help="name of the result files (default: %(default)s)")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results", help="where they go (default: benches/results)")
    parser.add_argument("--a", default="paddock", help="side A (default: paddock); a command as servers.py has it")
    parser.add_argument("--b", default="zookeeper", help="side B (default: zookeeper)")
    parser.add_argument("--a-name", default="Paddock", help="what to call A")
    parser.add_argument("--b-name", default="ZooKeeper", help="what to call B")
    parser.add_argument("--order", default="abba", help="whose turn it is (default: %(default)s)")
    parser.add_argument("--sessions", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--timeout", type=int, default=10_000, metavar="MS", help="of the sessions (default: %(default)s)")
    parser.add_argument("--changes", type=int, default=10, help="that are told to the watchers (default: %(default)s)")
    parser.add_argument("--warmup", type=float, default=5,
                        help="seconds of load before the leader is killed (default: %(default)s)")
    parser.add_argument("--paddock", default=str(RELEASE / "paddock"), help="the server \"paddock\", and what loads")
    parser.add_argument("--clients", default=str(RELEASE / "examples/failover"), help="the program of the clients")
    parser.add_argument("--port", type=int, default=24591, help="first port of the servers (default: %(default)s)")
    parser.add_argument("--dir", default="/var/tmp", help="where data directories are made: a disk, no tmpfs")
    args = parser.parse_args()
    servers.refuse_memory(args.dir)
    args.paddock, args.clients = str(pathlib.Path(args.paddock).resolve()), str(pathlib.Path(args.clients).resolve())
    # What failover.Clients asks for.
    args.rate, args.writes, args.znodes = RATES["idle"], 30, 1000
    return args


def raise_files(sessions):
    """Both the clients and a server that holds most of the sessions have as many files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < sessions + OTHER_FILES:
        sys.exit(f"a process may open {hard:,} files, and {sessions:,} sessions need {sessions + OTHER_FILES:,}: "
                 "raise `ulimit -n`")


def bench(args, running, ports, *options):
    """One run of `paddock bench` against these ports, as JSON."""
    command = [args.paddock, "bench", *(word for port in ports for word in ("--server", f"127.0.0.1:{port}")),
               *(word for server in running.all for word in ("--pid", str(server.process.pid))), *options, "--no-progress"]
    with tempfile.TemporaryDirectory(dir=args.dir) as directory:
        out = pathlib.Path(directory) / "run.json"
        done = subprocess.run([*command, "--json", str(out)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"the load failed: {shlex.join(command)}\n{done.stderr}")
        return json.loads(out.read_text())["runs"][0]


def at_once(args, command):
    """The storm, and the change that is told through those who follow."""
    with servers.Servers(command, COUNT, args.dir, args.port) as running:
        # The first requests load classes, and fill pools.
        bench(args, running, running.ports("all"), "--reads", "50", "-c", "60", "--warmup", "0", "--duration", "3")
        storm = bench(args, running, running.ports("all"), "--connect-storm", str(args.sessions), "--duration", str(STORM_MAX_S))
        leads = running.leader()
        followers = [server.port for place, server in enumerate(running.all) if place != leads]
        watch = bench(args, running, followers, "--watchers", str(args.sessions), "--rounds", str(args.changes))
        return {
            "connects_per_second": storm["ops_per_second"],
            "storm_last_ms": storm["seconds"] * 1000,
            "storm_failed": sum(storm["failed"].values()),
            "watch_first_ms": watch["first"]["p50_us"] / 1000,
            "watch_last_ms": watch["latency"]["p50_us"] / 1000,
            "watch_last_worst_ms": watch["latency"]["max_us"] / 1000,
        }


def one_by_one(args, command):
    """Idle sessions, and the leader's death."""
    with servers.Servers(command, COUNT, args.dir, args.port) as running:
        failover.fill(args, running)
        before = [memory(server) for server in running.all]
        with failover.Clients(args, running.ports("all")) as clients:
            clients.ask("spread")
            time.sleep(IDLE_S)
            after = [memory(server) for server in running.all]
            held = [connections(server.port) for server in running.all]
            clients.ask(f"rate {RATES['loaded']}")
            time.sleep(args.warmup)
            clients.ask("count")
            place = running.leader()
            killed = running.all[place]
            result = clients.ask(f"kill {killed.process.pid} {place}")
            killed.process.wait()
            time.sleep(args.timeout / 1000 + EXPIRY_S)
            count = clients.ask("count")
        grown = {key: [new[key] - old[key] for old, new in zip(before, after)] for key in before[0]}
        return {
            "idle_bytes": sum(grown["held"]) / args.sessions,
            "idle_bytes_resident": sum(grown["resident"]) / args.sessions,
            "by_server": [{"sessions": sessions, "grown_bytes": bytes} for sessions, bytes in zip(held, grown["held"])],
            **result,
            "expired": count["expired"],
            "errors": count["errors"],
            "open_at_the_end": count["open"],
        }


def memory(server):
    """What is resident; and what is held, which a JVM's heap tells after a collection."""
    pid = server.process.pid
    held = heap(pid) if server.command.startswith("java ") else None
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE).group(1)) << 10
    return {"resident": resident, "held": resident if held is None else held}


def heap(pid):
    """Bytes of a JVM's heap in use after a collection; None without jcmd."""
    if not shutil.which("jcmd"):
        return None
    subprocess.run(["jcmd", str(pid), "GC.run"], capture_output=True, check=True)
    told = subprocess.run(["jcmd", str(pid), "GC.heap_info"], capture_output=True, check=True, text=True).stdout
    found = re.search(r"heap\s+total \d+K, used (\d+)K", told)
    return int(found.group(1)) << 10 if found else None


def connections(port):
    """Connections that a server says it has."""
    return int(re.search(r"^zk_num_alive_connections\t(\d+)$", servers.four_letters(port, "mntr"), re.MULTILINE).group(1))


def table(args, names, turns):
    lines = [f"| what | {names['a']} | {names['b']} | times better |", "|---|--:|--:|--:|"]
    for key, (title, better) in FIGURES.items():
        a, b = (median(turns[which], key) for which in "ab")
        ratio = None if not a or not b else a / b if better == "more" else b / a
        lines.append(f"| {title} | {shown(a)} | {shown(b)} | {'' if ratio is None else f'{ratio:.3g}'} |")
    for key, title in (("expired", "sessions expired"), ("storm_failed", "sessions of those at once that did not come")):
        a, b = ("" if not turns[which] else f"{sum(turn[key] for turn in turns[which]):,}" for which in "ab")
        lines.append(f"| {title}, of all turns | {a} | {b} | |")
    return lines


def median(turns, key):
    values = [turn[key] for turn in turns if turn[key] is not None]
    return statistics.median(values) if values else None


def shown(value):
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(args, name, turns):
    """A sentence for a side about what is asked of Paddock."""
    late = [turn["last_resumed_ms"] for turn in turns if turn["last_resumed_ms"] is None or turn["last_resumed_ms"] > BACK_MAX_MS]
    expired = sum(turn["expired"] for turn in turns)
    lost = sum(args.sessions - turn["open_at_the_end"] for turn in turns)
    seconds = f"{BACK_MAX_MS / 1000:g} s"
    back = f"all sessions were back within {seconds} in every turn" if not late else \
        f"in {len(late)} of {len(turns)} turns the last session was back only after more than {seconds}"
    gone = f"{expired:,}" if expired else "none"
    return f"- {name}: {back}; {gone} expired; {lost:,} had no connection at the end."


def page(args, names, turns):
    return "\n".join([
        f"# {args.name}: {args.sessions:,} sessions over three servers",
        "",
        f"Ensembles of three on one machine: {servers.machine(args.dir)}. Sessions have a timeout of {args.timeout:,} ms. Turns: "
        f"{' '.join(args.order.upper())}; medians. Made by `benches/sessions.py`.",
        "",
        *table(args, names, turns),
        "",
        *(verdict(args, names[which], turns[which]) for which in "ab" if turns[which]),
        "",
    ])


def write(args, names, turns):
    """Writes what there is so far."""
    args.results.mkdir(parents=True, exist_ok=True)
    document = {"name": args.name, "names": names, "sessions": args.sessions, "timeout_ms": args.timeout, "order": args.order,
                "machine": servers.machine(args.dir), "load_average": os.getloadavg(), "turns": turns,
                "figures": {key: title for key, (title, _) in FIGURES.items()}}
    (args.results / f"{args.name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (args.results / f"{args.name}.md").write_text(page(args, names, turns))


def main():
    args = arguments()
    raise_files(args.sessions)
    commands = {"zookeeper": servers.ZOOKEEPER, "paddock": f"{shlex.quote(args.paddock)} serve {{config}}"}
    names = {"a": args.a_name, "b": args.b_name}
    turns = {"a": [], "b": []}
    for which in args.order:
        command = getattr(args, which)
        command = commands.get(command, command)
        turn = at_once(args, command) | one_by_one(args, command)
        print(f"{names[which]}: {turn}", file=sys.stderr, flush=True)
        turns[which].append(turn)
        write(args, names, turns)
    print(page(args, names, turns))


if __name__ == "__main__":
    main()
