"""Downloads the jars of ZooKeepers that are newer than Debian's from Maven Central into directories.

All other jars they take from Debian's, but for 3.9's netty: its ports for TLS need a newer one. A file that is not the known
one is an error.
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

# Of 3.9, beside it.
NETTY = (
    "4.1.130.Final",
    {
        "netty-buffer": "00a522b67ea35cb7b4dd9cf27f85c6c58f5e306785aa045302e5f6b2d4944a87",
        "netty-codec": "52636bc29bd62120b97bbe5d1d21eab9b1cb2bef8efbb54d2221c5f3fa08d8cd",
        "netty-common": "53921f28dd5a352b1bed0e1cbcc54d013dc60ffebeae9b2b1e53eabef317e581",
        "netty-handler": "98c78ec187ca30a4b9775bf6f632f5c9929db6bf06a60e6971f945813880ca0f",
        "netty-resolver": "48c5b218a89d184e1b601d46433957f515fcefdb4464182b1348bce4f5a18f35",
        "netty-transport": "1bf573266d271f856705a9984d25449c56a1d73c02a16af12033ceccfe555dbb",
        "netty-transport-native-unix-common": "cf5efc4168597d7cd14695b469418cac2a1134533f9a0c82ef0538d796fd39e1",
    },
)


def fetch(into, group, version, name, known):
    path = into / f"{name}-{version}.jar"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == known:
        return
    url = f"https://repo1.maven.org/maven2/{group}/{name}/{version}/{path.name}"
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
        fetch(into, "org/apache/zookeeper", version, name, known)
version, jars = NETTY
for name, known in jars.items():
    fetch(pathlib.Path(sys.argv[1]) / "zookeeper", "io/netty", version, name, known)
