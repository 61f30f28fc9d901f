#!/usr/bin/env python3
"""How long clients of an ensemble of three wait when its leader is killed: Paddock and ZooKeeper in one run.

Sessions are spread over the three servers and ask, at a fixed rate, for reads and durable writes. In each round the leader
is killed (SIGKILL). From then on three times are taken: to the first write that a new leader acknowledges, to the first one
of a session that was on the killed server, and until the last session is served again under its id. Then the killed server
is started again, the sessions go back to where they were, and when all serves as before the next round begins. Clients
that lose their server try the others at once (`examples/failover/door.rs` tells how they spare the machine).

The servers change in the order A B B A, each time with fresh directories, so that a slow drift of the machine falls on
both. The tables go to benches/results/NAME.md, every round to NAME.json.

    cargo build --release --bin paddock && cargo build --release --package paddock-benches --example failover
    benches/failover.py --name failover
    benches/failover.py --name failover-million --znodes 1000000 --rounds 30
    benches/failover.py --name failover-10000 --sessions 10000 --timeout 6000 --rounds 2 --linger 15
"""

import argparse
import json
import os
import pathlib
import resource
import shlex
import subprocess
import sys
import time

import servers

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = HERE.parent / "target/release"
COUNT = 3
ROOT = "/failover"
# After a server has come back, before the next one is killed.
SETTLE_S = 2

TIMES = {
    "first_write_ms": "first write",
    "first_write_of_the_killed_ms": "first write of a session of the killed server",
    "last_resumed_ms": "last session served again",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="name of the result files")
    parser.add_argument("--a", default="paddock", help="server A (default: paddock); a command as servers.py has it")
    parser.add_argument("--b", default="zookeeper", help="server B (default: zookeeper)")
    parser.add_argument("--a-name", help="what to call A in the table")
    parser.add_argument("--b-name", help="what to call B in the table")
    parser.add_argument("--order", default="abba", help="whose turn it is, \"a\" or \"b\" each time (default: abba)")
    parser.add_argument("--paddock", default=str(RELEASE / "paddock"), help="the server \"paddock\", and what makes the znodes")
    parser.add_argument("--clients", default=str(RELEASE / "examples/failover"), help="the program of the clients")
    parser.add_argument("--rounds", type=int, default=30, help="of each server, all its turns together (default: 30)")
    parser.add_argument("--sessions", type=int, default=1000, help="default: 1000")
    parser.add_argument("--timeout", type=int, default=10_000, metavar="MS", help="of the sessions (default: 10000)")
    parser.add_argument("--znodes", type=int, default=1000, help="with 100 bytes each (default: 1000)")
    parser.add_argument("--rate", type=int, default=1500, help="operations a second, all together (default: 1500)")
    parser.add_argument("--writes", type=int, default=30, metavar="PERCENT", help="default: 30")
    parser.add_argument("--warmup", type=float, default=10, help="seconds of load before the first round (default: 10)")
    parser.add_argument("--linger", type=float, default=0, metavar="SECONDS",
                        help="after each round, before the killed server is started again: for sessions to expire that "
                             "were not kept (default: 0)")
    parser.add_argument("--port", type=int, default=24491, help="first port of the servers (default: 24491)")
    parser.add_argument("--dir", default="/var/tmp", help="where data directories are made: a disk, no tmpfs")
    parser.add_argument("--keep-logs", metavar="DIR", help="where to put the servers' logs")
    args = parser.parse_args()
    servers.refuse_memory(args.dir)
    # The programs are started in other directories.
    args.paddock, args.clients = str(pathlib.Path(args.paddock).resolve()), str(pathlib.Path(args.clients).resolve())
    return args


class Clients:
    """The program that has the sessions."""

    def __init__(self, args, ports):
        addresses = [word for port in ports for word in ("--server", f"127.0.0.1:{port}")]
        options = {"sessions": args.sessions, "rate": args.rate, "writes": args.writes, "timeout": args.timeout,
                   "keys": args.znodes, "root": ROOT}
        command = [args.clients, *addresses, *(str(word) for name, value in options.items() for word in (f"--{name}", value))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the clients have ended")
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()


def fill(args, running):
    """Makes the znodes that the clients read and set."""
    command = [args.paddock, "bench", "--server", f"127.0.0.1:{running.ports('leader')[0]}", "--root", ROOT, "--keep",
               "--keys", str(args.znodes), "--reads", "100", "-c", "1", "--ops", "1"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def turn(args, name, command, rounds):
    """So many rounds of one ensemble, and what its clients counted in all of them and after."""
    with servers.Servers(command, COUNT, args.dir, args.port) as running:
        try:
            fill(args, running)
            with Clients(args, running.ports("all")) as clients:
                clients.ask("spread")
                time.sleep(args.warmup)
                results = [one_round(args, name, running, clients) for _ in range(rounds)]
                return results, clients.ask("count")
        finally:
            keep_logs(args, name, running)


def one_round(args, name, running, clients):
    place = running.leader()
    killed = running.all[place]
    stolen, total = servers.cpu_ticks()
    result = clients.ask(f"kill {killed.process.pid} {place}")
    killed.process.wait()
    stolen, total = (after - before for after, before in zip(servers.cpu_ticks(), (stolen, total)))
    time.sleep(args.linger)
    result["stolen_percent"] = 100 * stolen / max(total, 1)
    began = time.monotonic()
    killed.start()
    killed.wait_until_serving()
    running.leader()
    result["follows_again_s"] = time.monotonic() - began
    clients.ask("spread")
    time.sleep(SETTLE_S)
    print(f"{name}: {result}", file=sys.stderr, flush=True)
    return result


def keep_logs(args, name, running):
    if args.keep_logs:
        directory = pathlib.Path(args.keep_logs)
        directory.mkdir(parents=True, exist_ok=True)
        for server in running.all:
            text = (server.directory / "log").read_bytes()
            (directory / f"{name}-{server.port}-{server.process.pid}.log").write_bytes(text)


def quantile(values, share):
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def figures(rounds, key):
    """p50, p99 and the most, in ms; a round in which it did not come counts as no figure, and is told below."""
    values = [one[key] for one in rounds if one[key] is not None]
    return [quantile(values, 50), quantile(values, 99), max(values)] if values else [float("nan")] * 3


def markdown(args, names, rounds, counts):
    lines = ["| time from the kill | server | p50 ms | p99 ms | max ms |", "|---|---|--:|--:|--:|"]
    for key, title in TIMES.items():
        a, b = figures(rounds["a"], key), figures(rounds["b"], key)
        lines.append(f"| **{title}** | {names['a']} | " + " | ".join(f"{value:,.0f}" for value in a) + " |")
        lines.append(f"| | {names['b']} | " + " | ".join(f"{value:,.0f}" for value in b) + " |")
        lines.append("| | *ratio* | " + " | ".join(f"{x / y:.3g}" if y else "" for x, y in zip(a, b)) + " |")
    told = []
    for which in "ab":
        lacking = sum(one[key] is None for one in rounds[which] for key in TIMES)
        expired, errors = (sum(count[word] for count in counts[which]) for word in ("expired", "errors"))
        stolen = max((one["stolen_percent"] for one in rounds[which]), default=0)
        told.append(f"- {names[which]}: {len(rounds[which])} rounds, {expired} sessions expired, {errors} errors, {lacking} "
                    f"times not reached within a minute; the host took up to {stolen:.0f} % of a round's CPU time.")
    return "\n".join([
        f"# {args.name}: {names['a']} and {names['b']}",
        "",
        f"Ensembles of three on one machine: {servers.machine(args.dir)}. {args.sessions:,} sessions with a timeout of "
        f"{args.timeout:,} ms, {args.rate:,} operations/s, {args.writes} % writes, {args.znodes:,} znodes. Turns: "
        f"{' '.join(args.order.upper())}.",
        "",
        *lines,
        "",
        *told,
        *(f"- {which.upper()}: `{getattr(args, which).replace(str(HERE.parent) + '/', '')}`" for which in "ab"),
        "- zoo.cfg of both: `" + "; ".join((servers.ZOO_CFG + servers.ENSEMBLE_CFG).strip().splitlines())
        + "` and the lines of the servers.",
        "",
    ])


def write(args, names, rounds, counts):
    """Writes what there is so far."""
    directory = HERE / "results"
    directory.mkdir(exist_ok=True)
    (directory / f"{args.name}.md").write_text(markdown(args, names, rounds, counts))
    options = {name: value for name, value in vars(args).items() if name not in ("dir", "keep_logs", "paddock", "clients")}
    document = {"options": options, "names": names, "zoo_cfg": servers.ZOO_CFG + servers.ENSEMBLE_CFG,
                "machine": servers.machine(args.dir), "load_average": os.getloadavg(), "rounds": rounds, "counts": counts}
    text = json.dumps(document, indent=1).replace(str(HERE.parent) + "/", "")
    (directory / f"{args.name}.json").write_text(text + "\n")


def main():
    args = arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    known = {"zookeeper": servers.ZOOKEEPER, "paddock": f"{shlex.quote(args.paddock)} serve {{config}}"}
    names = {"a": args.a_name or args.a, "b": args.b_name or args.b}
    args.a, args.b = known.get(args.a, args.a), known.get(args.b, args.b)
    rounds, counts = {"a": [], "b": []}, {"a": [], "b": []}
    for at, which in enumerate(args.order):
        turns_left = args.order[at:].count(which)
        due = -(-(args.rounds - len(rounds[which])) // turns_left)
        done, count = turn(args, names[which], getattr(args, which), due)
        rounds[which] += done
        counts[which].append(count)
        write(args, names, rounds, counts)
    print(markdown(args, names, rounds, counts))


if __name__ == "__main__":
    main()
