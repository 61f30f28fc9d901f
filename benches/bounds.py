#!/usr/bin/env python3
"""What clients can use up: memory and another client's reads while they try. One or more servers, one after the other.

    benches/bounds.py BINARY [BINARY...]        each with a fresh directory; a table on stdout

| scenario | what happens while a client reads at 1,000/s (`paddock bench --rate`) |
|---|---|
| descriptors | `ulimit -n 1024`, 2,000 bare connections from 28 loopback addresses, and writes that make the log roll |
| events | 57 sessions with a recursive watch at / that never read, one writer creates and deletes paths of 200 KB |
| ephemerals | a session with 500,000 ephemerals is closed |
"""
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from client import EPHEMERAL, Client

PORT = 24571
SECONDS = 10


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) >> 10


def descriptors(server):
    writer, held = Client(PORT), []
    for number in range(2000):
        try:
            held.append(socket.create_connection(("127.0.0.1", PORT), timeout=2, source_address=(f"127.0.0.{2 + number % 28}", 0)))
        except OSError:
            break
    for number in range(60):
        writer.call(writer.create(b"/roll-%d" % number, data=bytes(900_000)))
    return held


def events(server):
    silent = []
    for _ in range(57):
        client = Client(PORT)
        client.call(client.watch_below(b"/"))
        silent.append(client)
    writer, end = Client(PORT), time.monotonic() + SECONDS - 2
    path = b"/" + b"p" * 200_000
    while time.monotonic() < end:
        writer.call(writer.create(path))
        writer.call(writer.delete(path))
    return silent


def own_ephemerals(count):
    owner = Client(PORT)
    for start in range(0, count, 1000):
        owner.socket.sendall(b"".join(owner.create(b"/ephemeral-%d" % n, flags=EPHEMERAL) for n in range(start, start + 1000)))
        for _ in range(1000):
            owner.frame()
    return owner


def run(binary, scenario):
    directory = tempfile.mkdtemp(prefix="paddock-bounds-", dir=os.environ.get("BOUNDS_DIR", "."))
    config = os.path.join(directory, "zoo.cfg")
    with open(config, "w") as out:
        out.write(f"dataDir={directory}/data\nclientPort={PORT}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n")
        out.write("4lw.commands.whitelist=*\n")
    limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))) if scenario == "descriptors" else None
    log = open(os.path.join(directory, "log"), "w")
    server = subprocess.Popen([binary, "serve", config], stderr=log, preexec_fn=limit)
    try:
        while True:
            try:
                Client(PORT).socket.close()
                break
            except OSError:
                time.sleep(0.05)
        owner = own_ephemerals(500_000) if scenario == "ephemerals" else None
        before = resident(server.pid)
        command = [binary, "bench", "--server", f"127.0.0.1:{PORT}", "--reads", "100", "-c", "1", "--rate", "1000"]
        command += ["--duration", str(SECONDS), "--warmup", "1"]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(2)
        outcome, kept = "serves", None
        began = time.monotonic()
        try:
            if scenario == "ephemerals":
                owner.call(owner.close())
            else:
                kept = {"descriptors": descriptors, "events": events}[scenario](server)
        except (OSError, ConnectionError) as error:
            outcome = f"{type(error).__name__}"
        took = time.monotonic() - began
        said = reader.communicate()[0]
        if server.poll() is not None:
            outcome = f"ENDED with {server.returncode}"
            grown = "-"
        else:
            grown = resident(server.pid) - before
        row = next((line.split() for line in said.splitlines() if line.startswith("reads")), None)
        figures = row[-3:] if row else ["-", "-", "-"]
        del kept
        return outcome, grown, f"{took:.1f}", *figures
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(directory)


def main():
    print("| scenario | server | outcome | peak RSS grown, MiB | it took, s | reads p99 us | p99.9 us | max us |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    for scenario in ("descriptors", "events", "ephemerals"):
        for binary in sys.argv[1:]:
            print("|", " | ".join(map(str, (scenario, binary, *run(binary, scenario)))), "|", flush=True)


main()
