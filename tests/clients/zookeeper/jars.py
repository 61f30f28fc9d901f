"""Downloads the jars of ZooKeepers that are newer than Debian's from Maven Central into directories.

All other jars they take from Debian's. A file that is not the known one is an error.
"""

import hashlib
import pathlib
import sys
import urllib.request

# By directory: the newest of 3.9 and of 3.8.
ZOOKEEPERS = {
    "zookeeper": (
        "3.9.5",
        {
            "zookeeper": "936d025db1a85f085edea25048c3f5b3de5fc29329c371a10925e3b78b0b38a0",
            "zookeeper-jute": "abcbc7f9d6c493daa118da6fa3061a201e2c521217526e8535adfb56b629e52a",
        },
    ),
    "zookeeper-3.8": (
        "3.8.7",
        {
            "zookeeper": "fd12731eecb5d3ace48fa25f0141f011bcb13273b5dca301ff15d5409bd52a91",
            "zookeeper-jute": "a4980a3cd8fe0b4640326ccb4048556de66a34d0ed0c12a2380df7315de15b36",
        },
    ),
}


def fetch(into, version, name, known):
    path = into / f"{name}-{version}.jar"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == known:
        return
    url = f"https://repo1.maven.org/maven2/org/apache/zookeeper/{name}/{version}/{path.name}"
    with urllib.request.urlopen(url, timeout=120) as answer:
        jar = answer.read()
    found = hashlib.sha256(jar).hexdigest()
    if found != known:
        sys.exit(f"{url} has the SHA-256 {found}, not {known}")
    path.write_bytes(jar)


for directory, (version, jars) in ZOOKEEPERS.items():
    into = pathlib.Path(sys.argv[1]) / directory
    into.mkdir(exist_ok=True)
    for name, known in jars.items():
        fetch(into, version, name, known)
