"""What Paddock is to reach, and whether it does: each aim is a line of the page, judged by what was measured."""

from dataclasses import dataclass, field
from typing import Callable

from cells import number, times, word

# Clients of the sweeps.
CONNECTIONS = [1, 2, 5, 10, 50, 100, 1000]
# Up to so many clients Paddock is to be so many times ZooKeeper; above at least its equal.
FEW_CLIENTS, FEW_RATIO = 10, 1.5
# Rows of the sweep, by servers.
SWEEPS = {1: "connections", 3: "ensemble-connections"}
# Rows that no other part of the page is about.
OWN_ROWS = {"ensemble-write-1": "durable write, 3 servers, 1 client of the leader, one at a time"}
# What a write of three servers may take besides two syncs and two round trips.
OWN_US = 100
MANY = 1_000_000


def sweep_rows(servers):
    return {count: f"{SWEEPS[servers]}-{count}" for count in CONNECTIONS}


def sweep_aim(count):
    return FEW_RATIO if count <= FEW_CLIENTS else 1


@dataclass
class Judged:
    """What stands beside an aim. Cells are text; `reached` is None where nothing can be said."""

    paddock: str = ""
    zookeeper: str = ""
    better: str = ""
    target: str = ""
    reached: bool | None = None
    floor: str = ""
    # Rows that fall short.
    short: list = field(default_factory=list)
    # The aim is beyond what the machine's floor itself reaches.
    is_beyond_floor: bool = False


@dataclass
class Aim:
    title: str
    # The result that its files are of.
    name: str
    judge: Callable


def ratio(row, figure, least):
    """So many times better than ZooKeeper."""
    def judge(results):
        measured = results.measured(row)
        better = None if measured is None else measured.better(figure)
        if better is None:
            return Judged(target=f"≥ {times(least)}")
        a, b = measured.sides(figure)
        reached = better[0] >= least
        return Judged(number(a), number(b), between(better), f"≥ {times(least)}", reached, short=[] if reached else [row])
    return judge


def rate(row, least):
    """So many operations a second."""
    def judge(results):
        floor = results.floor(row, "ops_per_second")
        found = absolute(results, row, "ops_per_second", f"≥ {least:,}/s", "/s", lambda value: value >= least)
        found.floor = of(floor, "/s")
        found.is_beyond_floor = floor is not None and floor < least
        return found
    return judge


def at_most(row, figure, unit, most, znodes=None):
    """Of the rows about many znodes the aim holds for so many."""
    def judge(results):
        found = absolute(results, row, figure, f"≤ {most:,} {unit}", f" {unit}", lambda value: value <= most)
        measured = results.measured(row)
        if znodes is not None and measured is not None and measured.document["znodes"] != znodes:
            found.reached, found.short = None, []
        return found
    return judge


def above_machine(row):
    """p50 of a write that two disks and two round trips stand in the way of."""
    def judge(results):
        sync, trip = results.machine_us("fdatasync_4k"), results.machine_us("loopback")
        if sync is None or trip is None:
            return Judged(target=f"≤ 2 fdatasync + 2 round trips + {OWN_US} us")
        floor = 2 * sync + 2 * trip
        target = f"≤ 2 × {sync:.0f} + 2 × {trip:.0f} + {OWN_US} = {floor + OWN_US:.0f} us"
        found = absolute(results, row, "p50_us", target, " us", lambda value: value <= floor + OWN_US)
        found.floor = f"{floor:.0f} us"
        return found
    return judge


def near_floor(row, figure, unit, most):
    """At most so many times what the floor server takes in turns with it."""
    def judge(results):
        target = f"≤ {most:g}× the floor"
        beside = results.beside_floor(row)
        found = None if beside is None else beside.figures.get(figure)
        if found is None:
            return Judged(target=target)
        a, floor = found["medians"]
        reached = found["ratio"] <= most
        near = f"{times(found['ratio'])} the floor ({times(found['least'])} to {times(found['greatest'])})"
        return Judged(of(a, f" {unit}"), "", near, target, reached, of(floor, f" {unit}"), [] if reached else [row])
    return judge


def sweep(servers, counts, least):
    """Everywhere so many times ZooKeeper's operations; shown is where it is the least."""
    def judge(results):
        points = {}
        for count in counts:
            measured = results.measured(sweep_rows(servers)[count])
            better = None if measured is None else measured.better("ops_per_second")
            if better is not None:
                points[count] = better[0], between(better), measured.sides("ops_per_second")
        target = f"≥ {times(least)} at each"
        if not points:
            return Judged(target=target)
        at = min(points, key=lambda count: points[count][0])
        _, text, (a, b) = points[at]
        below = [count for count, (value, *_) in points.items() if value < least]
        reached = False if below else True if len(points) == len(counts) else None
        where = f"{text} with {at:,}"
        if len(points) < len(counts):
            where += f"; {len(points)} of {len(counts)} measured"
        return Judged(of(a, "/s"), of(b, "/s"), where, target, reached, short=[sweep_rows(servers)[count] for count in below])
    return judge


def absolute(results, row, figure, target, unit, is_reached):
    measured = results.measured(row)
    sides = None if measured is None else measured.sides(figure)
    if sides is None:
        return Judged(target=target)
    better = measured.better(figure)
    reached = is_reached(sides[0])
    return Judged(of(sides[0], unit), of(sides[1], unit), "" if better is None else between(better), target, reached,
                  short=[] if reached else [row])


def between(better):
    return f"{times(better[0])} ({times(better[1])} to {times(better[2])})"


def of(value, unit):
    return "" if value is None else number(value) + unit


PER_CPU = "operations per server CPU-second"
AIMS = [
    Aim(f"3 servers, durable writes pipelined 32: {PER_CPU}", "ensemble-write-32",
        ratio("ensemble-write-32", "ops_per_cpu_second", 15)),
    Aim(f"3 servers, 90/10 mix pipelined 32: {PER_CPU}", "ensemble-mix-32",
        ratio("ensemble-mix-32", "ops_per_cpu_second", 15)),
    Aim("3 servers, 90/10 mix pipelined 32: operations a second", "ensemble-mix-32", rate("ensemble-mix-32", 130_000)),
    Aim("3 servers, one client's durable write: p50", "ensemble-write-1", above_machine("ensemble-write-1")),
    Aim(f"3 servers, 90/10 mix, 1 to {FEW_CLIENTS} clients one at a time: operations a second", "",
        sweep(3, [count for count in CONNECTIONS if count <= FEW_CLIENTS], FEW_RATIO)),
    Aim(f"3 servers, 90/10 mix, 1 to {CONNECTIONS[-1]:,} clients one at a time: operations a second", "",
        sweep(3, CONNECTIONS, 1)),
    Aim("1 server, one client's durable write: p50", "floor", near_floor("write-1", "p50_us", "us", 1.1)),
    Aim("1 server, durable writes pipelined 32: operations a second", "write-32", rate("write-32", MANY)),
    Aim(f"1 server, start with {MANY:,} znodes", "start", at_most("start", "start_ms", "ms", 300, MANY)),
    Aim(f"1 server, memory of a znode, of {MANY:,}", "memory", at_most("memory", "bytes_per_znode", "B", 300, MANY)),
]


def short_rows(results):
    """Rows by which an aim is missed."""
    return [row for aim in AIMS for row in aim.judge(results).short]


def lines(results, where):
    """The section of the page."""
    judged = [(aim, aim.judge(results)) for aim in AIMS]
    lines = ["## The aims", "",
             "| aim | Paddock | ZooKeeper | times better | target | reached | floor | files |",
             "|---|--:|--:|--:|--:|---|--:|---|"]
    for aim, found in judged:
        reached = "not measured" if not found.paddock else word(found.reached)
        if found.reached is False and found.is_beyond_floor:
            reached += ": nor does the floor"
        files = f"[json]({where}/{aim.name}.json)" if aim.name and found.paddock else ""
        lines.append(f"| {aim.title} | {found.paddock} | {found.zookeeper} | {found.better} | {found.target} | {reached} | "
                     f"{found.floor} | {files} |")
    yes, no = (sum(found.reached is reached for _, found in judged) for reached in (True, False))
    unjudged = len(judged) - yes - no
    rest = f"; {unjudged} cannot be judged yet" if unjudged else ""
    return lines + ["", f"Of {len(judged)} aims {yes} are reached and {no} are not{rest}. *Floor* is the same work by "
                    "`examples/floor.rs`, which does only what no server can leave out; for one client of three servers it is "
                    "two syncs and two round trips of the machine. Of a sweep the point is shown where the ratio is the least.", ""]
