"""The page benches/RESULTS.md, from the JSON files that `results.py` has collected: it measures nothing.

What is to be reached stands in `aims.py`, and what the design asks of its rows in `targets.py`.
"""

import aims
from cells import links, number, spread, times, word
from measured import Measured
from targets import TARGETS, verdict

# Those that `examples/floor.rs` can do.
FLOOR_ROWS = ["read", "read-32", "write", "write-32", "write-1"]
PRESETS = {
    "atc10-saturation": "the curve of the ATC 2010 paper",
    "raftkeeper-mix": "the mix of RaftKeeper",
    "ycsb-b": "YCSB B",
    "chubby-latency": "one client that creates, after Burrows' Chubby",
}
# A turn of these takes 25 s and more: they come last, and those that are no rows of the design have fewer rounds.
SLOW = {"memory", "start", "storm", "atc10-saturation", "chubby-latency"}
# Creates of a turn, and how many the preset has: values of 1 KiB beside the keys of the design.
CUT_CREATES = {"chubby-latency": (8_000, 50_000)}
# What is told of every row besides the figure that its target is about.
ALL_FIGURES = {"ops_per_second": "ops/s", "ops_per_cpu_second": "ops per server CPU s", "p50_us": "p50 us", "p99_us": "p99 us",
               "p99_9_us": "p99.9 us", "resident_peak_mib": "RSS peak MiB"}
# Functions and calls of a profile that are shown.
TOP = 10


def short_rows(results):
    """Rows of the design, of the sweeps and of the aims that do not reach what they are to reach, each once."""
    short = [target.row for target in TARGETS if verdict(results, target, results.measured(target.row)).is_short()]
    short += [row for servers in aims.SWEEPS for count, row in aims.sweep_rows(servers).items()
              if is_sweep_row_short(results, count, row)]
    return list(dict.fromkeys(short + aims.short_rows(results)))


def is_sweep_row_short(results, count, row):
    measured = results.measured(row)
    better = None if measured is None else measured.better("ops_per_second")
    return better is not None and better[0] < aims.sweep_aim(count)


def page(results, where, command):
    """The whole page; `where` is the directory of the results as links have it."""
    return "\n".join([*head(results, command), *aims.lines(results, where), *design(results, where), *all_figures(results),
                      *sweeps(results, where), *workloads(results, where), *sessions(results, where), *cut(results),
                      *profiles(results, where)]) + "\n"


def head(results, command):
    document = usual(results)
    etcd = next((found for target in TARGETS if (found := results.document(f"etcd-{target.row}"))), None)
    machine = results.document("machine")
    lines = ["# Results", "",
             f"Made by `{command}` from the files that the tables name; `--only-page` writes it again from them.", ""]
    if document is None:
        return lines + ["No row of the design has been measured yet.", ""]
    a, b = (side["name"] for side in document["sides"])
    beside = "" if etcd is None else f" {etcd['etcd']}, on its own protocol and by its own client, stands beside the write rows."
    lines += [
        f"{a} beside {b}, clients and servers on one machine: {document['machine']}. Turns A B B A, "
        f"{document['rounds']} times, so {2 * document['rounds']} runs of each; {document['warmup']:g} s of warm-up, "
        f"{document['seconds']:g} s measured; some rows have less (see *What is cut*). Values of 100 bytes, 10,000 keys; fsync on "
        f"for all.{beside}",
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
        floor, etcd = results.floor(target.row, target.figure), results.etcd(target.row, target.figure)
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


def titles():
    """Of the rows of the design, and of those of the aims alone."""
    return {target.row: target.title for target in TARGETS} | aims.OWN_ROWS


def all_figures(results):
    lines = ["## All figures of these rows", "",
             "| work | figure | Paddock | ZooKeeper | times better | from | to | etcd | Paddock / etcd |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row, title in titles().items():
        measured = results.measured(row)
        if measured is None:
            continue
        head = f"**{title}**"
        for figure, name in ALL_FIGURES.items():
            sides = measured.sides(figure)
            if sides is None:
                continue
            better = measured.better(figure) or (None, None, None)
            etcd = results.etcd(row, figure)
            ratio = "" if not etcd else f"{sides[0] / etcd:.3g}"
            lines.append(f"| {head} | {name} | {number(sides[0])} | {number(sides[1])} | {spread(better)} | "
                         f"{number(etcd)} | {ratio} |")
            head = ""
    return lines + [""]


def sweeps(results, where):
    lines = ["## From one client to a thousand", "", "90 % reads and 10 % durable writes, each client one request at a time.", ""]
    for servers in sorted(aims.SWEEPS, reverse=True):
        lines += sweep(results, where, servers)
    return lines


def sweep(results, where, servers):
    lines = [f"### {servers_of(servers)}", "",
             "| clients | Paddock ops/s | ZooKeeper ops/s | times better | from | to | target | reached | "
             "CPU per op, times better | p99, times better | files |", "|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|---|"]
    below, told = [], 0
    for count, name in aims.sweep_rows(servers).items():
        measured = results.measured(name)
        if measured is None:
            lines.append(f"| {count:,} | not measured | | | | | ≥ {aims.sweep_aim(count)}× | | | | |")
            continue
        told += 1
        a, b = measured.sides("ops_per_second")
        better = measured.better("ops_per_second")
        cpu, p99 = ((measured.better(figure) or (None,))[0] for figure in ("cpu_us_per_op", "p99_us"))
        if better[0] < 1:
            below.append(count)
        lines.append(f"| {count:,} | {number(a)} | {number(b)} | {spread(better)} | ≥ {aims.sweep_aim(count)}× | "
                     f"{word(not is_sweep_row_short(results, count, name))} | {times(cpu)} | {times(p99)} | "
                     f"{links(where, name)} |")
    if told and below:
        lines += ["", f"Paddock is below ZooKeeper with {', '.join(f'{count:,}' for count in below)} clients."]
    elif told:
        lines += ["", "Paddock is never below ZooKeeper."]
    return lines + [""]


def servers_of(count):
    return "1 server" if count == 1 else f"{count} servers"


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


def usual(results):
    """A result with as many rounds and seconds as most have, or None."""
    names = sorted((target.row for target in TARGETS), key=lambda row: row in SLOW)
    return next((document for name in names if (document := results.document(name))), None)


def cut(results):
    """What was measured for less time, or with less, than the rest."""
    whole = usual(results)
    if whole is None:
        return []
    lines = ["## What is cut", "", f"Most rows have {whole['rounds']} rounds of A B B A, {whole['warmup']:g} s of warm-up and "
             f"{whole['seconds']:g} s measured in each turn. Others have less, so that all of it takes less time:", ""]
    told = {"rounds": "{} rounds", "warmup": "{:g} s of warm-up", "seconds": "{:g} s measured"}
    groups = {}
    for name in names_with_rounds():
        document = results.document(name) or whole
        less = ", ".join(text.format(document[key]) for key, text in told.items() if document[key] != whole[key])
        groups.setdefault(less, []).append(f"`{name}`")
        count, of = CUT_CREATES.get(name, (None, None))
        if f"--ops {count}" in document["bench_options"]:
            groups.setdefault(f"{count:,} creates in each turn, where the preset has {of:,}", []).append(f"`{name}`")
    lines += [f"- {less}: {', '.join(names)}" for less, names in groups.items() if less]
    document = results.document("sessions")
    if document is not None:
        lines.append(f"- turns {' '.join(document['order'].upper())} alone: `sessions`")
    return lines + [""]


def names_with_rounds():
    """Of results, in the order of the page."""
    rows = [*titles(), *(f"etcd-{row}" for row in titles())]
    return [*rows, *(row for servers in aims.SWEEPS for row in aims.sweep_rows(servers).values()), *PRESETS, "floor"]


def profiles(results, where):
    short = short_rows(results)
    lines = ["## What is in the way", ""]
    if not short:
        return lines + ["No row that was measured falls short.", ""]
    named = titles() | {row: f"90/10 mix, {servers_of(servers)}, clients: {count:,}" for servers in aims.SWEEPS
                        for count, row in aims.sweep_rows(servers).items()}
    for row in short:
        lines += [f"### {named.get(row, row)}", ""]
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
