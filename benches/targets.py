"""What the design asks for: for each of its rows the figure that counts, what the design allows it, and what ZooKeeper took when
the design was written; their quotient is the target that a ratio of one run is held against, for machines differ.
"""

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
    disk = results.machine_us("durable_4k")
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
