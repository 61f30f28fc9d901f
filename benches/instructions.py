#!/usr/bin/env python3
"""Instructions that a server takes for one operation, counted by callgrind: a figure that a busy machine does not move.

    benches/instructions.py BINARY [BINARY...]           a table on stdout: a column for each binary, and what it took most in
    benches/instructions.py --top 0 before/paddock after/paddock
    benches/instructions.py --steady --top 0 before/paddock after/paddock

The server writes its log by a thread and without sync, because valgrind knows no io_uring; so the figures are of the code
and say nothing of the device. What does not scale with operations (the start, sessions, words) is not counted or is below a
thousandth. Counts of one binary differ by about 1 % from run to run, because a slower run has other groups. On a machine that
others use they differ by far more, because the keys that are made and deleted are many beside few operations: --steady counts
only from when the keys are there, and divides by the operations that callgrind has seen.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PORT = 24583
START_MAX_S = 120
SECONDS = 10
# With --steady the load goes on until it has been counted for so long, and is ended then.
STEADY_LOAD_S = 600
# What is called once for each operation.
OPERATIONS = re.compile(r"read::answer$|Ledger::await_replica$")
# Name, options of the bench, the figure of `mntr` that counts the operations.
ROWS = {
    "read": (["--reads", "100", "-c", "50", "-p", "1"], "zk_packets_received"),
    "read-32": (["--reads", "100", "-c", "20", "-p", "32"], "zk_packets_received"),
    "write": (["--reads", "0", "-c", "50", "-p", "1"], "zk_log_transactions"),
    "write-32": (["--reads", "0", "-c", "20", "-p", "32"], "zk_log_transactions"),
    "write-1": (["--reads", "0", "-c", "1", "-p", "1", "-k", "100"], "zk_log_transactions"),
}
ZOO_CFG = """tickTime=2000
dataDir={dir}
clientPort={port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
forceSync=no
snapCount=100000000
4lw.commands.whitelist=*
"""


def word(name):
    """The answer to a four-letter word; empty while nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", PORT), timeout=30) as stream:
            stream.sendall(name.encode())
            parts = iter(lambda: stream.recv(65536), b"")
            return b"".join(parts).decode()
    except OSError:
        return ""


def figure(name):
    return int(re.search(rf"^{name}\t(\d+)$", word("mntr"), re.MULTILINE).group(1))


def control(process, *words):
    subprocess.run(["callgrind_control", *words, str(process.pid)], check=True, capture_output=True)


def by_function(path):
    """Self cost by function, of a file that callgrind has written."""
    names, costs, function, is_of_a_call = {}, collections.Counter(), None, False
    for line in path.read_text().splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name:
                names[number] = name
            if line.startswith("fn="):
                function = names[number]
        elif line.startswith("calls="):
            is_of_a_call = True
        elif line[:1] in "0123456789+-*" and line:
            if not is_of_a_call:
                costs[function] += sum(map(int, line.split()[1:2]))
            is_of_a_call = False
    return costs


def calls_of(path, wanted):
    """How often functions were called whose names, without their hashes, match."""
    names, called, calls = {}, None, 0
    for line in path.read_text().splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name:
                names[number] = re.sub(r"::h[0-9a-f]{16}$", "", name)
            called = names[number]
        elif line.startswith("calls=") and wanted.search(called):
            calls += int(line[len("calls="):].split()[0])
    return calls


def wait_for_keys():
    """Until a load has made its keys."""
    before = None
    while (now := figure("zk_znode_count")) != before or now < 50:
        before = now
        time.sleep(1)


def measure_steady(server, load, out):
    """How many operations were counted, of a load that is under way."""
    running = subprocess.Popen([*load, "--duration", str(STEADY_LOAD_S), "--warmup", "0"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_for_keys()
    control(server, "-i", "on")
    time.sleep(SECONDS)
    control(server, "-i", "off")
    running.terminate()
    running.wait()
    server.terminate()
    server.wait()
    return calls_of(out, OPERATIONS)


def measure(binary, row, is_steady):
    """Instructions by function for one operation."""
    options, counter = ROWS[row]
    directory = pathlib.Path(tempfile.mkdtemp(prefix="instructions-"))
    try:
        (directory / "data").mkdir()
        config = directory / "zoo.cfg"
        config.write_text(ZOO_CFG.format(dir=directory / "data", port=PORT))
        out = directory / "callgrind.out"
        server = subprocess.Popen(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}",
                                   binary, "serve", "-Dpaddock.io.method=thread", "-Dpaddock.reactors=0", config],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_MAX_S
        while "Mode" not in word("srvr"):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{binary} does not serve under valgrind")
            time.sleep(0.2)
        load = [binary, "bench", "--server", f"127.0.0.1:{PORT}", *options]
        # The keys are made before anything is counted.
        subprocess.run([*load, "--duration", "1", "--warmup", "0"], check=True, capture_output=True)
        if is_steady:
            operations = measure_steady(server, load, out)
            costs = by_function(out)
            return {function: cost / operations for function, cost in costs.items()}
        before = figure(counter)
        control(server, "-i", "on")
        subprocess.run([*load, "--duration", str(SECONDS), "--warmup", "0"], check=True, capture_output=True)
        control(server, "-i", "off")
        operations = figure(counter) - before
        server.terminate()
        server.wait()
        costs = by_function(out)
        return {function: cost / operations for function, cost in costs.items()}
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", nargs="+", metavar="BINARY", help="a paddock, built for release")
    parser.add_argument("--row", action="append", choices=ROWS, help="instead of all")
    parser.add_argument("--steady", action="store_true", help="count only while keys are read and written")
    parser.add_argument("--top", type=int, default=12, help="functions that are shown for each row (default: %(default)s)")
    parser.add_argument("--json", type=pathlib.Path, help="also writes all of it here")
    return parser.parse_args()


def main():
    args = arguments()
    found = {row: [measure(binary, row, args.steady) for binary in args.binaries] for row in args.row or ROWS}
    heads = "".join(f" {binary} |" for binary in args.binaries)
    print(f"| instructions for one |{heads}\n|---|{'--:|' * len(args.binaries)}")
    for row, columns in found.items():
        print(f"| **{row}** |" + "".join(f" **{sum(column.values()):,.0f}** |" for column in columns))
        most = sorted(columns[-1], key=columns[-1].get, reverse=True)[:args.top]
        for function in most:
            print(f"| `{function}` |" + "".join(f" {column.get(function, 0):,.0f} |" for column in columns))
    if args.json:
        args.json.write_text(json.dumps({row: dict(zip(args.binaries, columns)) for row, columns in found.items()}))


if __name__ == "__main__":
    main()
