"""The page benches/RESULTS.md, from the JSON files that `results.py` has collected: it measures nothing.

What is asked for stands here: for each row of the design the figure that counts, what the design allows it, and what ZooKeeper
took when the design was written; their quotient is the target that a ratio of one run is held against, for machines differ.
"""

import json
import statistics
from dataclasses import dataclass


@dataclass
class Target:
    """A row of the design."""

    row: str
    title: str
    # The figure of `paddock bench versus` that counts, its unit, and what its unit is multiplied with.
    figure: str
    unit: str
    # What the design found ZooKeeper to take; None where it gives no figure.
    peer: float | None
    aim: float
    # For which the aim holds, of rows about many znodes.
    znodes: int | None = None
    # What the machine's own durable write is added to.
    is_above_disk: bool = False

    def is_more_better(self):
        return self.figure == "ops_per_second"


CPU = ("cpu_us_per_op", "us CPU")
# What one durable 4 KiB took where the design was written.
DESIGN_DISK_US = 65
TARGETS = [
    Target("read", "read, 1 server, 50 connections, one at a time", *CPU, 75, 9),
    Target("read-32", "read, 1 server, 50 connections, pipelined 32", *CPU, 36, 1.2),
    Target("write", "durable write, 1 server, 50 connections, one at a time", *CPU, 99, 13),
    Target("write-32", "durable write, 1 server, 50 connections, pipelined 32", *CPU, 38, 3),
    Target("ensemble-write", "durable write, 3 servers, 60 connections, one at a time", *CPU, 767, 40),
    Target("ensemble-write-32", "durable write, 3 servers, 60 connections, pipelined 32", *CPU, 167, 10),
    Target("ensemble-mix-32", "90/10 mix, 3 servers, 60 connections, pipelined 32", *CPU, 76, 4),
    Target("write-1", "durable write, 1 server, 1 client, one at a time", "p50_us", "us p50", 346, 60, is_above_disk=True),
    Target("memory", "memory of a znode, of a million", "bytes_per_znode", "B", 1800, 300, znodes=1_000_000),
    Target("start", "start with a million znodes", "start_ms", "ms", None, 300, znodes=1_000_000),
    Target("storm", "5,000 sessions connecting at once", "ops_per_second", "sessions/s", 124, 20_000),
    Target("watchers", "one change told to 2,000 watchers, the last", "p50_us", "us", 85_000, 8_000),
]
# Those that `examples/floor.rs` can do.
FLOOR_ROWS = ["read", "read-32", "write", "write-32", "write-1"]
CONNECTIONS = [1, 2, 5, 10, 50, 100, 1000]
# Up to so many clients Paddock is to be so many times ZooKeeper; above at least its equal.
FEW_CLIENTS, FEW_RATIO = 10, 1.5
PRESETS = {
    "atc10-saturation": "the curve of the ATC 2010 paper",
    "raftkeeper-mix": "the mix of RaftKeeper",
    "ycsb-b": "YCSB B",
    "chubby-latency": "one client that creates, after Burrows' Chubby",
}
# What is told of every row besides the figure that its target is about.
ALL_FIGURES = {"ops_per_second": "ops/s", "ops_per_cpu_second": "ops per server CPU s", "p50_us": "p50 us", "p99_us": "p99 us",
               "p99_9_us": "p99.9 us", "resident_peak_mib": "RSS peak MiB"}
MORE_IS_BETTER = {"ops_per_second", "ops_per_cpu_second"}
# Functions and calls of a profile that are shown.
TOP = 10


def number(value):
    """Three digits that count, and commas."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def times(value):
    return "" if value is None else f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"


def spread(better):
    """Three cells: of the medians, at least, at most."""
    return " | ".join(map(times, better))


class Measured:
    """A row of a result of `paddock bench versus`."""

    def __init__(self, document):
        self.document, self.row = document, document["rows"][0]
        self.figures = {figure["figure"]: figure for figure in self.row["figures"]}

    def sides(self, figure):
        """Medians of Paddock and of ZooKeeper, or None."""
        found = self.figures.get(figure)
        return None if found is None else found["medians"]

    def better(self, figure):
        """How many times better Paddock is: of the medians, at least, at most; None if there is no such figure."""
        found = self.figures.get(figure)
        if found is None or not found["ratio"]:
            return None
        if figure in MORE_IS_BETTER:
            return found["ratio"], found["least"], found["greatest"]
        return tuple(1 / found[end] if found[end] else float("inf") for end in ("ratio", "greatest", "least"))


class Results:
    """What has been measured, by name; what has not is None."""

    def __init__(self, directory):
        self.directory = directory

    def document(self, name):
        path = self.directory / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def measured(self, name):
        document = self.document(name)
        return None if document is None or not document.get("rows") else Measured(document)

    def etcd(self, row, figure):
        """The median of etcd's runs, or None."""
        document = self.document(f"etcd-{row}")
        runs = [] if document is None else document["runs"]
        values = [value for run in runs if (value := etcd_figure(run, figure)) is not None]
        return statistics.median(values) if values else None

    def floor(self, target):
        """What the machine's floor takes for a row, or None."""
        document = self.document("floor")
        rows = [] if document is None else [row for row in document["rows"] if row["row"] == target.row]
        found = [figure for row in rows for figure in row["figures"] if figure["figure"] == target.figure]
        return found[0]["medians"][1] if found else None

    def disk_us(self):
        """One durable write of 4 KiB, or None."""
        document = self.document("machine")
        return None if document is None else document["durable_4k"]["p50_us"]


def etcd_figure(run, figure):
    if figure in ("cpu_us_per_op", "ops_per_cpu_second"):
        return run["server"].get(figure)
    if figure == "resident_peak_mib":
        return run["server"]["resident_peak_bytes"] / (1 << 20)
    return run["classes"]["writes"].get(figure, run.get(figure))


@dataclass
class Verdict:
    """How a row stands to its targets; None where one cannot be judged."""

    aim: float | None
    ratio_aim: float | None
    is_aim_reached: bool | None
    is_ratio_reached: bool | None

    def is_short(self):
        return self.is_aim_reached is False or self.is_ratio_reached is False


def verdict(results, target, measured):
    """`measured` may be None: then nothing is judged."""
    disk = results.disk_us()
    aim = target.aim if not target.is_above_disk else None if disk is None else disk + target.aim
    design_aim = target.aim + (DESIGN_DISK_US if target.is_above_disk else 0)
    ratio_aim = None
    if target.peer is not None:
        ratio_aim = design_aim / target.peer if target.is_more_better() else target.peer / design_aim
    sides = None if measured is None else measured.sides(target.figure)
    if sides is None:
        return Verdict(aim, ratio_aim, None, None)
    as_many = target.znodes is None or measured.document["znodes"] == target.znodes
    is_aim_reached = None
    if aim is not None and as_many:
        is_aim_reached = sides[0] >= aim if target.is_more_better() else sides[0] <= aim
    better = measured.better(target.figure)
    is_ratio_reached = better[0] >= ratio_aim if ratio_aim is not None and better is not None and as_many else None
    return Verdict(aim, ratio_aim, is_aim_reached, is_ratio_reached)


def word(reached):
    return {True: "yes", False: "**no**", None: "not judged"}[reached]


def short_rows(results):
    """Rows of the design, and of the connections, that do not reach what they are to reach."""
    short = [target.row for target in TARGETS if verdict(results, target, results.measured(target.row)).is_short()]
    return short + [f"connections-{count}" for count in CONNECTIONS if is_connections_row_short(results, count)]


def connections_aim(count):
    return FEW_RATIO if count <= FEW_CLIENTS else 1


def is_connections_row_short(results, count):
    measured = results.measured(f"connections-{count}")
    better = None if measured is None else measured.better("ops_per_second")
    return better is not None and better[0] < connections_aim(count)


def page(results, where, command):
    """The whole page; `where` is the directory of the results as links have it."""
    return "\n".join([*head(results, command), *design(results, where), *all_figures(results), *connections(results, where),
                      *workloads(results, where), *sessions(results, where), *profiles(results, where)]) + "\n"


def head(results, command):
    any_row = next((found for target in TARGETS if (found := results.measured(target.row))), None)
    etcd = next((found for target in TARGETS if (found := results.document(f"etcd-{target.row}"))), None)
    machine = results.document("machine")
    lines = ["# Results", "",
             f"Made by `{command}` from the files that the tables name; `--only-page` writes it again from them.", ""]
    if any_row is None:
        return lines + ["No row of the design has been measured yet.", ""]
    document = any_row.document
    a, b = (side["name"] for side in document["sides"])
    beside = "" if etcd is None else f" {etcd['etcd']}, on its own protocol and by its own client, stands beside the write rows."
    lines += [
        f"{a} beside {b}, clients and servers on one machine: {document['machine']}. Turns A B B A, "
        f"{document['rounds']} times, so {2 * document['rounds']} runs of each; {document['warmup']:g} s of warm-up, "
        f"{document['seconds']:g} s measured; values of 100 bytes, 10,000 keys; fsync on for all.{beside}",
        "",
        "*Times better* is the ratio of the medians, turned so that more is better for Paddock; *from* and *to* are the "
        "least and the greatest that two runs have, one of each. The target of a ratio is what the design allows Paddock in "
        "proportion to what ZooKeeper took where the design was written. CPU is that of all servers together.",
        "",
    ]
    if machine is not None:
        told = {"durable_4k": "one durable write of 4 KiB", "fdatasync_4k": "a write of 4 KiB and its fdatasync",
                "loopback": "one byte there and back through the loopback device"}
        figures = "; ".join(f"{what} {machine[key]['p50_us']:.0f} us" for key, what in told.items())
        lines += [f"The machine's own floor, p50: {figures}. *Floor* in the table is "
                  "`examples/floor.rs`, a server that does only what no server can leave out.", ""]
    return lines


def design(results, where):
    lines = ["## The rows of the design", "",
             "| work | Paddock | ZooKeeper | times better | from | to | target | reached | allowed | kept | floor | etcd | "
             "files |",
             "|---|--:|--:|--:|--:|--:|--:|---|--:|---|--:|--:|---|"]
    counts = [0, 0, 0]
    for target in TARGETS:
        measured = results.measured(target.row)
        found = verdict(results, target, measured)
        # At most, or for a rate at least.
        bound = "" if found.aim is None else ("≥ " if target.is_more_better() else "") + f"{number(found.aim)} {target.unit}"
        if measured is None or measured.sides(target.figure) is None:
            lines.append(f"| {target.title} | not measured | | | | | {times(found.ratio_aim)} | | {bound} | | | | |")
            continue
        a, b = measured.sides(target.figure)
        better = measured.better(target.figure) or (None, None, None)
        floor, etcd = results.floor(target), results.etcd(target.row, target.figure)
        lines.append(
            f"| {target.title} | {number(a)} {target.unit} | {number(b)} | {spread(better)} | "
            f"{times(found.ratio_aim)} | {word(found.is_ratio_reached) if found.ratio_aim else ''} | {bound} | "
            f"{word(found.is_aim_reached)} | {number(floor)} | {number(etcd)} | {links(where, target.row)} |")
        for place, reached in enumerate((found.is_ratio_reached, found.is_aim_reached, not found.is_short())):
            counts[place] += bool(reached)
    with_ratio = sum(target.peer is not None for target in TARGETS)
    lines += ["", f"Of {with_ratio} targets of a ratio {counts[0]} are reached, of {len(TARGETS)} absolute ones {counts[1]}; "
              f"{counts[2]} of {len(TARGETS)} rows reach all that they have.", ""]
    return lines + slower_peers(results)


def slower_peers(results):
    """Where only the ratio falls short, because ZooKeeper was faster here than where the design was written."""
    lines = []
    for target in TARGETS:
        measured = results.measured(target.row)
        found = verdict(results, target, measured)
        if found.is_aim_reached and found.is_ratio_reached is False:
            b = measured.sides(target.figure)[1]
            lines.append(f"- {target.title}: what it is allowed is kept; ZooKeeper had {number(b)} {target.unit} here, and "
                         f"{number(target.peer)} where the design was written.")
    return lines + [""] if lines else []


def all_figures(results):
    lines = ["## All figures of these rows", "",
             "| work | figure | Paddock | ZooKeeper | times better | from | to | etcd | Paddock / etcd |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for target in TARGETS:
        measured = results.measured(target.row)
        if measured is None:
            continue
        head = f"**{target.title}**"
        for figure, title in ALL_FIGURES.items():
            sides = measured.sides(figure)
            if sides is None:
                continue
            better = measured.better(figure) or (None, None, None)
            etcd = results.etcd(target.row, figure)
            ratio = "" if not etcd else f"{sides[0] / etcd:.3g}"
            lines.append(f"| {head} | {title} | {number(sides[0])} | {number(sides[1])} | {spread(better)} | "
                         f"{number(etcd)} | {ratio} |")
            head = ""
    return lines + [""]


def connections(results, where):
    lines = ["## From one client to a thousand", "",
             "90 % reads and 10 % durable writes, one server, each client one request at a time.", "",
             "| clients | Paddock ops/s | ZooKeeper ops/s | times better | from | to | target | reached | "
             "CPU per op, times better | p99, times better | files |", "|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|---|"]
    below = []
    for count in CONNECTIONS:
        name = f"connections-{count}"
        measured = results.measured(name)
        if measured is None:
            lines.append(f"| {count:,} | not measured | | | | | ≥ {connections_aim(count)}× | | | | |")
            continue
        a, b = measured.sides("ops_per_second")
        better = measured.better("ops_per_second")
        cpu, p99 = ((measured.better(figure) or (None,))[0] for figure in ("cpu_us_per_op", "p99_us"))
        if better[0] < 1:
            below.append(count)
        lines.append(f"| {count:,} | {number(a)} | {number(b)} | {spread(better)} | ≥ {connections_aim(count)}× | "
                     f"{word(not is_connections_row_short(results, count))} | {times(cpu)} | {times(p99)} | "
                     f"{links(where, name)} |")
    told = [count for count in CONNECTIONS if results.measured(f"connections-{count}")]
    sentence = "" if not told else "Paddock is never below ZooKeeper." if not below else \
        f"Paddock is below ZooKeeper with {', '.join(f'{count:,}' for count in below)} clients."
    return lines + ["", sentence, ""]


def workloads(results, where):
    lines = ["## Workloads of the literature, three servers", ""]
    for name, title in PRESETS.items():
        document = results.document(name)
        if document is None:
            lines += [f"- {title}: not measured", ""]
            continue
        lines += [f"### {name}: {title}", "", f"![{title}]({where}/{name}.svg)", "",
                  "| run | Paddock ops/s | ZooKeeper ops/s | times better | p50, times better | p99, times better |",
                  "|---|--:|--:|--:|--:|--:|"]
        for row in document["rows"]:
            measured = Measured({**document, "rows": [row]})
            sides = measured.sides("ops_per_second") or [None, None]
            ratios = [(measured.better(figure) or (None,))[0] for figure in ("ops_per_second", "p50_us", "p99_us")]
            lines.append(f"| {row['title']} | {number(sides[0])} | {number(sides[1])} | " + " | ".join(map(times, ratios)) + " |")
        lines += ["", links(where, name), ""]
    return lines


def sessions(results, where):
    document = results.document("sessions")
    if document is None:
        return ["## Sessions", "", "Not measured.", ""]
    text = (results.directory / "sessions.md").read_text().splitlines()
    # Its title is a part of this page; what follows is its own.
    return [f"## {document['sessions']:,} sessions over three servers", "", *text[2:], "", f"[json]({where}/sessions.json)", ""]


def profiles(results, where):
    short = short_rows(results)
    lines = ["## What is in the way", ""]
    if not short:
        return lines + ["No row that was measured falls short.", ""]
    titles = {target.row: target.title for target in TARGETS}
    titles |= {f"connections-{count}": f"90/10 mix, 1 server, clients: {count:,}" for count in CONNECTIONS}
    for row in short:
        lines += [f"### {titles.get(row, row)}", ""]
        document = results.document(f"profile-{row}")
        if document is None or "missing" in document:
            lines += ["No profile has been made." if document is None else document["missing"].capitalize() + ".", ""]
            continue
        for who, found in document["servers"].items():
            lines += profile(who, found)
        lines += [f"[json]({where}/profile-{row}.json)", ""]
    return lines


def profile(who, found):
    what = found.get("functions_are", "CPU time")
    lines = [f"| {who}: share of {what} | function | of |", "|--:|---|---|"]
    for one in found["functions"][:TOP]:
        # A table's cells end with such a line.
        name = one["name"].replace("|", "\\|")
        lines.append(f"| {one['percent']:.1f} % | `{name}` | {one['of']} |")
    shares = sorted(found.get("by_object", {}).items(), key=lambda share: -share[1])
    if shares:
        lines += ["", "All of it: " + ", ".join(f"{of} {percent:.0f} %" for of, percent in shares if percent >= 0.5) + "."]
    calls = sorted(found.get("calls", {}).items(), key=lambda call: -call[1])[:TOP]
    if calls:
        told = ", ".join(f"{name} {number(count)}" for name, count in calls)
        lines += ["", f"System calls per {found['calls_are_per']}: {told}."]
    return lines + [""]


def links(where, name):
    return f"[json]({where}/{name}.json) [svg]({where}/{name}.svg)"
