#!/usr/bin/env python3
"""Every row of the design and of the aims, the sweeps from one client to a thousand, etcd, the workloads of the literature and
the sessions, measured one after the other, and the page of them all: benches/RESULTS.md.

    cargo xtask results                    builds what is needed, and calls this with the same options
    benches/results.py --list              what would be measured, and how long that takes
    benches/results.py                     measures what is lacking, and writes the page
    benches/results.py --part write --again        one part once more
    benches/results.py --only-page         writes the page from what is there

A part is one result in benches/results/table. What has been measured with the same program and the same options is not measured
again, so that a run that was stopped goes on where it was; `index.json` there says with which: a program of this workspace is what
it was built from. Ctrl-C ends the part that is being
measured. A part that fails is tried once more, and is left out if it fails again: the page says that it was not measured. When
all is measured, rows that fall short of a target or of an aim get a profile. The page is written after each part.

ZooKeeper is that of ZOOKEEPER_CLASSPATH, else 3.9.5 of target/clients (`cargo xtask clients`) with the libraries of Debian's
package. etcd needs Go, the profiles perf (apt install linux-perf).
"""

import argparse
import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import aims
import etcd
import measured
import page
import servers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RELEASE = ROOT / "target/release"
MEMBERS = ["consensus", "engine", "net", "bin"]
SOURCES = [f"{member}/src" for member in MEMBERS]
RESULTS = HERE / "results/table"
WHERE = "results/table"
PAGE = HERE / "RESULTS.md"
COMMAND = "cargo xtask results"
ZOOKEEPER_JAR = ROOT / "target/clients/zookeeper/zookeeper-3.9.5.jar"
TRIES = 2
# At most, of workloads of the literature with turns of 25 s and more (`page.SLOW`).
SLOW_ROUNDS = 2
# At most, of the machine's floor, which is a scale and no rival.
FLOOR_ROUNDS = 2
# At most, of the sweep of one server, which no aim is about.
BESIDE_ROUNDS = 3
# The part of --seconds that a point of a sweep is measured, behind a whole warm-up, which a JVM needs.
SWEEP_SHARE = 0.5

# Seconds that turns take besides the load, as far as can be said before: starts and ends of one server and of three.
AROUND_S = {1: 3, 3: 8}
# Of turns that have their own end: for both sides on an average; for a million znodes.
OWN_END_S = {"memory": 40, "start": 45, "storm": 30, "watchers": 10, "chubby-latency": 25}
# Runs of one turn.
RUNS = {"atc10-saturation": 4}
SESSIONS_TURN_S = 90
PROFILE_S = 25


@dataclasses.dataclass
class Part:
    """One thing to measure."""

    name: str
    command: list
    # Programs that make the figures: another build of them makes others.
    programs: list
    seconds: float
    # For what goes to the standard output.
    output: pathlib.Path | None = None

    def key(self):
        """What the result depends on. A program that is not there is told when it is needed."""
        text = "\0".join([kind_of_machine(), *map(str, self.command), *(digest(program) for program in self.programs)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def kind_of_machine():
    models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{len(models)} x {models[0] if models else 'unknown'}"


def digest(program, known={}):
    """What a program is. One of this workspace is what it was built from, which is the same wherever and whenever that is done."""
    path = pathlib.Path(program)
    if path not in known:
        if not path.exists():
            known[path] = "missing"
        elif RELEASE in path.parents:
            known[path] = of_sources(path)
        else:
            known[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return known[path]


def of_sources(program):
    found = [file for place in SOURCES for file in sorted((ROOT / place).rglob("*")) if file.is_file()]
    found += [ROOT / file for file in ("Cargo.toml", "Cargo.lock", *(f"{member}/Cargo.toml" for member in MEMBERS))]
    if program.parent.name == "examples":
        found += sorted(file for file in (HERE / "examples").rglob("*.rs") if program.name in file.parts or file.stem == program.name)
    older = next((file for file in found if file.stat().st_mtime > program.stat().st_mtime), None)
    if older:
        sys.exit(f"{program} is older than {older}: use `{COMMAND}`, or build it")
    sums = "\0".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in found)
    return hashlib.sha256(sums.encode()).hexdigest()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", metavar="NAME", help="only this; repeat it for several")
    parser.add_argument("--again", action="store_true", help="measure also what has been measured")
    parser.add_argument("--list", action="store_true", help="say what would be measured, and end")
    parser.add_argument("--only-page", action="store_true", help="measure nothing")
    parser.add_argument("--rounds", type=int, default=5, help="A B B A so often, slow rows less (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="measured of each load (default: %(default)s)")
    parser.add_argument("--warmup", type=float, default=4, help="seconds of the same load before (default: %(default)s)")
    parser.add_argument("--znodes", type=int, default=1_000_000, help="of the rows memory and start (default: %(default)s)")
    parser.add_argument("--sessions", type=int, default=10_000, help="of the part sessions (default: %(default)s)")
    parser.add_argument("--paddock", default=str(RELEASE / "paddock"), help="default: target/release/paddock")
    parser.add_argument("--dir", default="/var/tmp", help="where servers have their directories: a disk, no tmpfs")
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS,
                        help="where figures are kept (default: benches/results/table)")
    parser.add_argument("--page", type=pathlib.Path, default=PAGE, help="default: benches/RESULTS.md")
    args = parser.parse_args()
    args.results = args.results.resolve()
    return args


@dataclasses.dataclass
class Extent:
    """How much of a row is measured."""

    rounds: int
    seconds: float
    warmup: float

    def options(self):
        return ["--rounds", str(self.rounds), "--seconds", f"{self.seconds:g}", "--warmup", f"{self.warmup:g}"]

    def takes_s(self, servers_count, load=None, runs=1):
        """All turns of both sides; `load` is that of a turn with its own end."""
        turn = runs * ((self.seconds if load is None else load) + self.warmup) + AROUND_S[servers_count]
        return 4 * self.rounds * turn


def extent(args, most_rounds=None, share=1):
    return Extent(min(args.rounds, most_rounds or args.rounds), share * args.seconds, args.warmup)


def parts(args):
    """All of them, in the order in which they are measured."""
    paddock, examples = args.paddock, RELEASE / "examples"
    versus = [paddock, "bench", "versus", "--results", str(args.results), "--dir", args.dir, "--no-progress"]
    beside = [*versus, "--b-name", "ZooKeeper 3.9.5", "--znodes", str(args.znodes)]
    whole, floor = extent(args), extent(args, FLOOR_ROUNDS)

    def compared(name, of, words, extent):
        load = OWN_END_S.get(name)
        if name in ("memory", "start"):
            load *= args.znodes / 1_000_000
        command = [*beside, *extent.options(), *words, "--name", name]
        return Part(name, command, [paddock], extent.takes_s(of, load, RUNS.get(name, 1)))

    found = [
        Part("machine", [str(examples / "machine"), args.dir], [], 5, args.results / "machine.json"),
        Part("floor", [*versus, *floor.options(), "--name", "floor", "--b-name", "floor",
                       "--b", f"{shlex.quote(str(examples / 'floor'))} {{port}} {{dir}}",
                       *(word for row in page.FLOOR_ROWS for word in ("--row", row))],
             [paddock, examples / "floor"], len(page.FLOOR_ROWS) * floor.takes_s(1)),
    ]
    for row in page.titles():
        of = 3 if row.startswith("ensemble") else 1
        found.append(compared(row, of, ["--row", row], whole))
        if row in etcd.ROWS:
            command = [sys.executable, str(HERE / "etcd.py"), "--row", row, *whole.options(), "--dir", args.dir,
                       "--results", str(args.results)]
            sources = [HERE / "etcd/go.sum", HERE / "etcd/load/main.go"]
            found.append(Part(f"etcd-{row}", command, sources, whole.takes_s(of) / 2))
    for of in sorted(aims.SWEEPS, reverse=True):
        short = extent(args, BESIDE_ROUNDS if of == 1 else None, SWEEP_SHARE)
        found += [compared(name, of, ["--row", name], short) for name in aims.sweep_rows(of).values()]
    for name in page.PRESETS:
        words = ["--preset", name, "--servers", "3"]
        if name in page.CUT_CREATES:
            words += ["--bench-options", f"--ops {page.CUT_CREATES[name][0]}"]
        found.append(compared(name, 3, words, extent(args, SLOW_ROUNDS if name in page.SLOW else None)))
    command = [sys.executable, str(HERE / "sessions.py"), "--name", "sessions", "--b-name", "ZooKeeper 3.9.5", "--sessions",
               str(args.sessions), "--paddock", paddock, "--dir", args.dir, "--results", str(args.results)]
    found.append(Part("sessions", command, [paddock, examples / "failover"], 4 * SESSIONS_TURN_S))
    return found


def profile_parts(args):
    """Of the rows that fall short; the profile of a row that has been measured again is no longer its own."""
    def part(row):
        result = args.results / f"{row}.json"
        command = [sys.executable, str(HERE / "profiles.py"), "--row", str(result), "--paddock", args.paddock, "--dir", args.dir]
        return Part(f"profile-{row}", command, [args.paddock, result], PROFILE_S)
    return [part(row) for row in page.short_rows(measured.Results(args.results))]


class Index:
    """With what each part has been measured."""

    def __init__(self, directory):
        self.path, self.directory = directory / "index.json", directory
        self.parts = json.loads(self.path.read_text()) if self.path.exists() else {}

    def has(self, part):
        known = self.parts.get(part.name, {}).get("key")
        return known == part.key() and (self.directory / f"{part.name}.json").exists()

    def put(self, part, took):
        when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        self.parts[part.name] = {"key": part.key(), "took_s": round(took), "when": when}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.parts, indent=1) + "\n")
        new.replace(self.path)


def check_names(args, all_parts):
    """A name that is none is better known now."""
    known = {part.name for part in all_parts}
    for name in args.part or []:
        if name.removeprefix("profile-") not in known:
            sys.exit(f"{name} is no part; parts are {', '.join(part.name for part in all_parts)}")


def chosen(args, some_parts):
    """Those that are asked for and lacking. With a row its profile is asked for, too."""
    index = Index(args.results)
    asked = [part for part in some_parts
             if not args.part or part.name in args.part or part.name.removeprefix("profile-") in args.part]
    return [part for part in asked if args.again or not index.has(part)]


def measure(args, part, environment):
    """Whether it came to be measured."""
    index = Index(args.results)
    for _ in range(TRIES):
        began = time.monotonic()
        done = subprocess.run(part.command, stdin=subprocess.DEVNULL, env=environment, text=True,
                              stdout=subprocess.PIPE if part.output else subprocess.DEVNULL)
        if done.returncode == 0:
            if part.output:
                part.output.write_text(done.stdout)
            index.put(part, time.monotonic() - began)
            return True
        print(f"{part.name} failed with {done.returncode}: {shlex.join(map(str, part.command))}", file=sys.stderr, flush=True)
    return False


def measure_all(args, todo, environment):
    """The names of the parts that failed."""
    failed = []
    left = sum(part.seconds for part in todo)
    for at, part in enumerate(todo, 1):
        now = datetime.datetime.now()
        end = now + datetime.timedelta(seconds=left)
        print(f"{now:%H:%M:%S} {at} of {len(todo)}: {part.name}, about {duration(part.seconds)}; all until about {end:%H:%M}",
              flush=True)
        if not measure(args, part, environment):
            failed.append(part.name)
        left -= part.seconds
        write_page(args)
    return failed


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def write_page(args):
    where = WHERE if args.page == PAGE else os.path.relpath(args.results, args.page.resolve().parent)
    args.page.write_text(page.page(measured.Results(args.results), where, COMMAND))


def zookeeper():
    """The environment in which `paddock bench versus` and `servers.py` find ZooKeeper 3.9.5."""
    environment = dict(os.environ)
    if "ZOOKEEPER_CLASSPATH" not in environment and ZOOKEEPER_JAR.exists():
        environment["ZOOKEEPER_CLASSPATH"] = f"{ZOOKEEPER_JAR.parent}/*:{servers.DEBIANS}"
    if not re.search(r"zookeeper", environment.get("ZOOKEEPER_CLASSPATH", "")):
        sys.exit("there is no ZooKeeper 3.9.5: ZOOKEEPER_CLASSPATH does not name it, and `cargo xtask clients` has not "
                 "fetched it")
    return environment


def main():
    args = arguments()
    args.results.mkdir(parents=True, exist_ok=True)
    if args.only_page:
        write_page(args)
        return
    servers.refuse_memory(args.dir)
    missing = [part.programs[0] for part in parts(args) if part.programs and digest(part.programs[0]) == "missing"]
    if missing:
        sys.exit(f"{missing[0]} is not built: use `{COMMAND}`, or build it")
    all_parts = parts(args)
    check_names(args, all_parts)
    todo = chosen(args, all_parts)
    takes = duration(sum(part.seconds for part in todo))
    print(f"{len(todo)} of {len(all_parts)} parts are to be measured, which takes about {takes}; the "
          f"profiles of rows that fall short come after that, {PROFILE_S} s each.", flush=True)
    if args.list:
        for part in todo:
            print(f"  {part.name}: about {duration(part.seconds)}")
        return
    environment = zookeeper()
    failed = measure_all(args, todo, environment)
    failed += measure_all(args, chosen(args, profile_parts(args)), environment)
    write_page(args)
    print(f"{args.page} is written")
    if failed:
        sys.exit(f"not measured, because they failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
