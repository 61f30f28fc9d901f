#!/usr/bin/env python3
"""What one client, or one server, does to the others of an ensemble of three: reads and writes of steady clients in quiet
moments, and while something large goes on.

Four steady clients, each a process with a session of its own, have requests due at fixed times, whether or not earlier ones are
answered: one reads and one sets at the leader, and as much at a follower. A latency counts from when the request was due.

| case | what goes on |
|---|---|
| close | a session with very many ephemerals, at the follower, is closed |
| quota | a quota is put above all znodes: the usage that its `zookeeper_stats` begins with is counted; several times |
| join | the other follower comes back with an empty dataDir, and is sent everything |
| stop | the other follower is stopped (SIGSTOP) for some seconds, and goes on |
| list-follower | a client lists a parent of very many children at the follower, again and again |
| list-leader | the same at the leader |
| processor | for comparison nothing of the ensemble's: as many processes compute as there are CPUs |

For each case a quiet time is measured just before. *During* are the requests that waited at some moment between the case's
begin and its end: its end is when the last of the three servers shows what has come of it. A fifth process makes a durable write
of 4 KiB of its own to the servers' disk, a hundred times a second, so that one can tell what is the disk's.

    cargo build --release --bin paddock
    benches/crowding.py --name crowding
    benches/crowding.py --name look --znodes 20000 --ephemerals 20000 --children 5000 --seconds 4     # a look

The table goes to RESULTS/NAME.md, every figure to NAME.json. The machine should have nothing else to do.
"""

import argparse
import gc
import json
import mmap
import multiprocessing
import os
import pathlib
import random
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections import deque

import servers
from client import EPHEMERAL, Client, code

HERE = pathlib.Path(__file__).resolve().parent
COUNT = 3
ROOT = "/crowding"
QUOTA = f"/zookeeper/quota{ROOT}".encode()
EPHEMERALS, LIST = b"/crowding-ephemerals", b"/crowding-list"
VALUE_BYTES = 100
# A write to the disk, how many of them fill the file, and how many there are in a second.
DISK_BLOCK, DISK_BLOCKS, DISK_RATE = 4096, 256, 100
# Creates that are sent together.
BATCH = 1000
# A server that is to show something is asked so often, and given up after so long.
LOOK_S = 0.01
SHOWS_MAX_S = 120
# Where numChildren stands in a znode's stat.
NUM_CHILDREN_AT = 56
# Among the steady ones the key of what is no client.
DISK = ("disk", "writes")
# How long a steady client waits for the answers it still lacks when its figures are taken.
ANSWERS_MAX_S = 60
NS = 10**9


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="name of the result files")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results",
                        help="where they go (default: benches/results)")
    parser.add_argument("--paddock", default=str(HERE.parent / "target/release/paddock"),
                        help="the servers, and what makes the znodes (default: target/release/paddock)")
    parser.add_argument("--zookeeper", action="store_true",
                        help="the servers are ZooKeeper's, of ZOOKEEPER_CLASSPATH; not for join and stop")
    parser.add_argument("--case", action="append", choices=CASES, metavar="CASE", help="only this; repeat it for several")
    parser.add_argument("--znodes", type=int, default=1_000_000, help="with 100 bytes each (default: %(default)s)")
    parser.add_argument("--ephemerals", type=int, default=1_000_000, help="of the session that is closed (default: %(default)s)")
    parser.add_argument("--children", type=int, default=100_000, help="of the parent that is listed (default: %(default)s)")
    parser.add_argument("--reads", type=int, default=1000, metavar="RATE",
                        help="a second, at the leader and at the follower each (default: %(default)s)")
    parser.add_argument("--writes", type=int, default=500, metavar="RATE", help="likewise (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20,
                        help="of a quiet time, and of a case that has no end of its own (default: %(default)s)")
    parser.add_argument("--settle", type=float, default=5, metavar="SECONDS",
                        help="before each quiet time (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of the case quota (default: %(default)s)")
    parser.add_argument("--stopped", type=float, default=4, metavar="SECONDS", help="of the case stop (default: %(default)s)")
    parser.add_argument("--port", type=int, default=24691, help="first port of the servers (default: %(default)s)")
    parser.add_argument("--dir", default="/var/tmp", help="where data directories are made: a disk, no tmpfs")
    args = parser.parse_args()
    servers.refuse_memory(args.dir)
    args.paddock = str(pathlib.Path(args.paddock).resolve())
    return args


def say(what):
    print(what, file=sys.stderr, flush=True)


# The steady clients, and the disk.


class Steady:
    """A process in which something is due at fixed times: a client's requests, or writes to the disk."""

    def __init__(self, run, *args):
        """`run` takes the other end of a pipe, and the arguments."""
        self.pipe, inner = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=be_steady, args=(run, inner, *args), daemon=True)
        self.process.start()

    def take(self):
        """What was due since the last call: for each when it was due, sent and answered, in ns of the monotonic clock. Returns
        when all of them are answered."""
        self.pipe.send(None)
        if not self.pipe.poll(ANSWERS_MAX_S):
            sys.exit(f"a steady client, or the disk, has not answered for {ANSWERS_MAX_S} s")
        answer = self.pipe.recv()
        if isinstance(answer, str):
            sys.exit(answer)
        return list(zip(answer[0::3], answer[1::3], answer[2::3]))

    def end(self):
        self.process.terminate()
        self.process.join()


def be_steady(run, pipe, *args):
    # Ctrl-C is the parent's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    try:
        run(pipe, *args)
    except OSError as error:
        pipe.send(f"what is to be steady has failed: {error}")


def write_to_disk(pipe, directory):
    """Writes as a log does: past the page cache, where the file has its blocks already."""
    block, samples = mmap.mmap(-1, DISK_BLOCK), array("q")
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(bytes(DISK_BLOCK * DISK_BLOCKS))
        file.flush()
        os.fsync(file.fileno())
        to = os.open(file.name, os.O_WRONLY | os.O_DSYNC | os.O_DIRECT)
        due, count = time.monotonic_ns(), 0
        while True:
            if pipe.poll(max(0, due - time.monotonic_ns()) / NS):
                pipe.recv()
                pipe.send(samples)
                samples = array("q")
                continue
            sent = time.monotonic_ns()
            os.pwritev(to, [block], count % DISK_BLOCKS * DISK_BLOCK)
            samples.extend((due, sent, time.monotonic_ns()))
            due, count = due + NS // DISK_RATE, count + 1


def ask_steadily(pipe, port, kind, rate, znodes):
    client = Client(port)
    stream, drawn, value = client.socket, random.Random(kind), bytes(VALUE_BYTES)
    stream.setblocking(False)
    samples, flights = array("q"), deque()
    output, received = bytearray(), bytearray()
    interval, due = NS // rate, time.monotonic_ns()
    asked_at = None
    while True:
        now = time.monotonic_ns()
        while due <= now:
            path = b"%s/keys/%016d" % (ROOT.encode(), drawn.randrange(znodes))
            output += client.get(path) if kind == "reads" else client.set(path, value)
            flights.append((client.xid, due, now))
            due += interval
        if output:
            try:
                del output[:stream.send(output)]
            except BlockingIOError:
                pass
        wait = max(0, due - time.monotonic_ns()) / NS
        readable, _, _ = select.select([stream, pipe], [stream] if output else [], [], wait)
        if stream in readable:
            part = stream.recv(1 << 16)
            if not part:
                raise ConnectionError("the server has closed the connection")
            received += part
            take_answers(received, flights, samples)
        if pipe in readable:
            pipe.recv()
            asked_at = time.monotonic_ns()
        if asked_at is not None and (not flights or flights[0][1] > asked_at):
            pipe.send(samples)
            samples, asked_at = array("q"), None


def take_answers(received, flights, samples):
    """Answers come in the order of the requests."""
    now, at = time.monotonic_ns(), 0
    while len(received) - at >= 4:
        end = at + 4 + struct.unpack_from(">i", received, at)[0]
        if len(received) < end:
            break
        xid, due, sent = flights.popleft()
        if struct.unpack_from(">i", received, at + 4)[0] != xid or code(received[at + 4:at + 20]) != 0:
            raise ConnectionError(f"an answer is not that to a request: {bytes(received[at:at + 20])}")
        samples.extend((due, sent, now))
        at = end
    del received[:at]


# The cases. Each is a function that lets it happen, and returns when it went on: spans of the monotonic clock, in ns.


class Span:
    def __enter__(self):
        self.begin = time.monotonic_ns()
        return self

    def __exit__(self, *_):
        self.end = time.monotonic_ns()

    def seconds(self):
        return (self.end - self.begin) / NS


class Ensemble:
    """The three servers by what they are: one leads, one follows and has steady clients, and the other follower has none."""

    def __init__(self, running):
        self.running = running
        self.leads = running.leader()
        others = [server for place, server in enumerate(running.all) if place != self.leads]
        self.leader, (self.follower, self.other) = running.all[self.leads], others

    def wait_until_all_show(self, path, is_so):
        """`is_so` takes the number of children of `path`, or None where there is no such znode."""
        deadline = time.monotonic() + SHOWS_MAX_S
        for server in self.running.all:
            client = Client(server.port)
            while not is_so(children_of(client, path)):
                if time.monotonic() > deadline:
                    sys.exit(f"a server does not show within {SHOWS_MAX_S} s what has become of {path.decode()}")
                time.sleep(LOOK_S)
            client.do(client.close())


def children_of(client, path):
    answer = client.call(client.exists(path))
    return struct.unpack_from(">i", answer, 16 + NUM_CHILDREN_AT)[0] if code(answer) == 0 else None


def create_children(client, parent, count, flags):
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        client.do_all([client.create(b"%s/%07d" % (parent, number), flags) for number in numbers])


def own_ephemerals(args, ensemble):
    owner = Client(ensemble.follower.port)
    owner.do(owner.create(EPHEMERALS))
    create_children(owner, EPHEMERALS, args.ephemerals, EPHEMERAL)
    ensemble.wait_until_all_show(EPHEMERALS, lambda children: children == args.ephemerals)
    return owner


def close(_args, ensemble, owner):
    with Span() as span:
        owner.do(owner.close())
        ensemble.wait_until_all_show(EPHEMERALS, lambda children: children == 0)
    return [span], ""


def make_quota(_args, ensemble):
    client = Client(ensemble.leader.port)
    client.do(client.create(QUOTA))
    client.do(client.create(QUOTA + b"/zookeeper_limits", data=b"count=-1,bytes=-1"))
    client.do(client.close())


def quota(args, ensemble, _):
    spans, stats = [], QUOTA + b"/zookeeper_stats"
    for _ in range(args.rounds):
        client = Client(ensemble.leader.port)
        with Span() as span:
            client.do(client.create(stats, data=b"count=0,bytes=0"))
            ensemble.wait_until_all_show(stats, lambda children: children is not None)
        spans.append(span)
        time.sleep(1)
        client.do(client.delete(stats))
        client.do(client.close())
        time.sleep(1)
    client = Client(ensemble.leader.port)
    for path in (QUOTA + b"/zookeeper_limits", QUOTA):
        client.do(client.delete(path))
    client.do(client.close())
    return spans, f"{args.rounds} times"


def join(args, ensemble, _):
    server = ensemble.other
    server.stop()
    for path in server.data.iterdir():
        if path.name != "myid":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    time.sleep(args.settle)
    with Span() as span:
        server.start()
        server.wait_until_serving()
        client = Client(server.port)
        client.do(client.sync(b"/"))
    client.do(client.close())
    return [span], ""


def stop(args, ensemble, _):
    server = ensemble.other
    with Span() as span:
        server.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(args.stopped)
        finally:
            server.process.send_signal(signal.SIGCONT)
        server.wait_until_serving()
        client = Client(server.port)
        client.do(client.sync(b"/"))
    client.do(client.close())
    return [span], ""


def make_list(args, ensemble):
    client = Client(ensemble.leader.port)
    if children_of(client, LIST) is None:
        client.do(client.create(LIST))
        create_children(client, LIST, args.children, 0)
    client.do(client.close())
    ensemble.wait_until_all_show(LIST, lambda children: children == args.children)


def list_at(server, args):
    client, lists = Client(server.port), 0
    with Span() as span:
        end = time.monotonic() + args.seconds
        while time.monotonic() < end:
            client.do(client.children(LIST))
            lists += 1
    client.do(client.close())
    return [span], f"{lists / span.seconds():.0f} lists/s"


def compute():
    while True:
        pass


def processor(args, _ensemble, _):
    hogs = [multiprocessing.Process(target=compute, daemon=True) for _ in range(os.cpu_count())]
    with Span() as span:
        for hog in hogs:
            hog.start()
        time.sleep(args.seconds)
    for hog in hogs:
        hog.kill()
        hog.join()
    return [span], ""


def nothing(_args, _ensemble):
    pass


# What is made before the quiet time, and what goes on afterwards.
CASES = {
    "close": (own_ephemerals, close),
    "quota": (make_quota, quota),
    "join": (nothing, join),
    "stop": (nothing, stop),
    "list-follower": (make_list, lambda args, ensemble, _: list_at(ensemble.follower, args)),
    "list-leader": (make_list, lambda args, ensemble, _: list_at(ensemble.leader, args)),
    "processor": (nothing, processor),
}


def title(args, case):
    return {
        "close": f"a session with {args.ephemerals:,} ephemerals is closed",
        "quota": f"a quota is put above {args.znodes:,} znodes",
        "join": "a follower with an empty dataDir joins",
        "stop": f"a follower is stopped for {args.stopped:g} s",
        "list-follower": f"{args.children:,} children are listed at the follower",
        "list-leader": f"{args.children:,} children are listed at the leader",
        "processor": f"for comparison: {os.cpu_count()} processes compute",
    }[case]


# What is measured of them.


def quantile(ordered, share):
    """The value that this share of all does not exceed."""
    return ordered[max(0, -(-len(ordered) * share // 1000) - 1)]


def figures(samples):
    """In us."""
    ordered = sorted(answered - due for due, _, answered in samples)
    late = sorted(sent - due for due, sent, _ in samples)
    if not ordered:
        return None
    named = {"p50_us": 500, "p99_us": 990, "p99_9_us": 999}
    return {"count": len(ordered), **{name: quantile(ordered, share) / 1000 for name, share in named.items()},
            "max_us": ordered[-1] / 1000, "sent_late_p99_9_us": quantile(late, 999) / 1000}


def within(spans, samples):
    """Of the samples those that waited in one of the spans."""
    return [one for one in samples if any(one[0] < span.end and one[2] > span.begin for span in spans)]


def snapshots(ensemble):
    """How many all servers together have taken since they started."""
    told = (servers.four_letters(server.port, "mntr") for server in ensemble.running.all)
    return sum(int(count) for text in told for count in re.findall(r"^zk_snapshots\t(\d+)", text, re.MULTILINE))


def measure(args, ensemble, steady, case):
    prepare, happen = CASES[case]
    say(f"{case}: is prepared")
    kept = prepare(args, ensemble)
    time.sleep(args.settle)
    take(steady)
    say(f"{case}: {args.seconds:g} s of quiet")
    before = snapshots(ensemble)
    time.sleep(args.seconds)
    quiet, in_quiet = take(steady), snapshots(ensemble) - before
    say(f"{case}: begins")
    ticks = servers.cpu_ticks()
    spans, note = happen(args, ensemble, kept)
    stolen, total = (now - then for now, then in zip(servers.cpu_ticks(), ticks))
    during = take(steady)
    if ensemble.running.leader() != ensemble.leads:
        sys.exit(f"{case}: another server leads now, so that the figures say nothing")
    result = {"case": case, "title": title(args, case), "note": note, "seconds": [span.seconds() for span in spans],
              "stolen_percent": 100 * stolen / max(total, 1), "snapshots_in_quiet": in_quiet, "at": {}}
    for place, kind in steady:
        found = {"quiet": figures(quiet[place, kind]), "during": figures(within(spans, during[place, kind]))}
        result["at"].setdefault(place, {})[kind] = found
    result["disk"] = result["at"].pop(DISK[0])[DISK[1]]
    say(f"{case}: {json.dumps(result['at'])}")
    return result


def take(steady):
    return {key: client.take() for key, client in steady.items()}


# What is written of it.


def cells(found):
    quiet, during = found["quiet"], found["during"]
    if quiet is None or during is None:
        return ["-"] * 5
    factor = during["p99_9_us"] / quiet["p99_9_us"]
    return [f"{during['count']:,}", f"{quiet['p99_9_us']:,.0f}", f"{during['p99_9_us']:,.0f}", f"{factor:.2f}",
            f"{during['max_us'] / 1000:,.1f}"]


def table(results):
    head = " | ".join(f"{kind} | quiet p99.9 us | during | factor | longest ms" for kind in ("reads", "writes"))
    lines = [f"| case | it took, s | clients at the | {head} | disk: quiet longest ms | during |",
             "|---|--:|---" + "|--:" * 12 + "|"]
    for result in results:
        note = f" ({result['note']})" if result["note"] else ""
        first, disk = [f"**{result['title']}**{note}", f"{sum(result['seconds']):.2f}"], longest(result["disk"])
        for place, kinds in result["at"].items():
            lines.append("| " + " | ".join([*first, place, *cells(kinds["reads"]), *cells(kinds["writes"]), *disk]) + " |")
            first, disk = ["", ""], ["", ""]
    return lines


def longest(found):
    return ["-" if one is None else f"{one['max_us'] / 1000:,.1f}" for one in found.values()]


def all_figures(results):
    lines = ["| case | clients at the | operations | when | count | p50 us | p99 us | p99.9 us | max us | sent late, p99.9 us |",
             "|---|---|---|---" + "|--:" * 6 + "|"]
    for result in results:
        for place, kinds in {**result["at"], DISK[0]: {DISK[1]: result["disk"]}}.items():
            for kind, found in kinds.items():
                for when, one in found.items():
                    values = ["-"] * 6 if one is None else [f"{value:,.0f}" for value in one.values()]
                    lines.append("| " + " | ".join([result["case"], place, kind, when, *values]) + " |")
    return lines


def markdown(args, results):
    stolen = max((result["stolen_percent"] for result in results), default=0)
    return "\n".join([
        f"# {args.name}: what goes on beside {args.znodes:,} znodes and steady clients",
        "",
        f"Three servers and all clients on one machine: {servers.machine(args.dir)}. At the leader and at a follower each one "
        f"client reads {args.reads:,} times a second and one sets {args.writes:,} times; latencies count from when a request "
        f"was due. "
        f"*Quiet* are {args.seconds:g} s just before; *during* are the requests that waited while the case went on, as many as "
        "stand under reads and writes: with fewer than 1,000 their p99.9 is the longest. The host took up to "
        f"{stolen:.0f} % of a case's CPU time.",
        "",
        *table(results),
        "",
        f"What a row has in common with the last one, it shares with any process of this machine. The disk's own writes are "
        f"{DISK_RATE} a second, each of {DISK_BLOCK:,} bytes.",
        "",
        *all_figures(results),
        "",
        f"- `{command()}`",
        "- zoo.cfg: `" + "; ".join((servers.ZOO_CFG + servers.ENSEMBLE_CFG).strip().splitlines())
        + "` and the lines of the servers.",
        "",
    ])


def command():
    return shlex.join(["benches/crowding.py", *sys.argv[1:]]).replace(str(HERE.parent) + "/", "")


def write(args, results):
    """Writes what there is so far."""
    args.results.mkdir(parents=True, exist_ok=True)
    (args.results / f"{args.name}.md").write_text(markdown(args, results))
    options = {name: value for name, value in vars(args).items() if name not in ("dir", "results", "paddock")}
    document = {"command": command(), "options": options, "machine": servers.machine(args.dir),
                "zoo_cfg": servers.ZOO_CFG + servers.ENSEMBLE_CFG, "load_average": os.getloadavg(), "cases": results}
    (args.results / f"{args.name}.json").write_text(json.dumps(document, indent=1) + "\n")


def fill(args, port):
    words = [args.paddock, "bench", "--server", f"127.0.0.1:{port}", "--root", ROOT, "--keep", "--keys", str(args.znodes),
             "--value-size", str(VALUE_BYTES), "--reads", "100", "-c", "1", "--ops", "1", "--no-progress"]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def main():
    args = arguments()
    results = []
    serve = servers.ZOOKEEPER if args.zookeeper else f"{shlex.quote(args.paddock)} serve {{config}}"
    with servers.Servers(serve, COUNT, args.dir, args.port) as running:
        say(f"{args.znodes:,} znodes are made")
        ensemble = Ensemble(running)
        fill(args, ensemble.leader.port)
        rates = {"reads": args.reads, "writes": args.writes}
        steady = {(place, kind): Steady(ask_steadily, server.port, kind, rate, args.znodes)
                  for place, server in (("leader", ensemble.leader), ("follower", ensemble.follower))
                  for kind, rate in rates.items()}
        steady[DISK] = Steady(write_to_disk, running.directory)
        try:
            for case in args.case or CASES:
                results.append(measure(args, ensemble, steady, case))
                write(args, results)
        finally:
            for client in steady.values():
                client.end()
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
