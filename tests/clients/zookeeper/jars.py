"""Downloads the jars of a ZooKeeper that is newer than Debian's from Maven Central into a directory.

All other jars it takes from Debian's. A file that is not the known one is an error.
"""

import hashlib
import pathlib
import sys
import urllib.request

VERSION = "3.9.5"
JARS = {
    "zookeeper": "936d025db1a85f085edea25048c3f5b3de5fc29329c371a10925e3b78b0b38a0",
    "zookeeper-jute": "abcbc7f9d6c493daa118da6fa3061a201e2c521217526e8535adfb56b629e52a",
}

into = pathlib.Path(sys.argv[1])
for name, known in JARS.items():
    path = into / f"{name}-{VERSION}.jar"
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == known:
        continue
    url = f"https://repo1.maven.org/maven2/org/apache/zookeeper/{name}/{VERSION}/{path.name}"
    with urllib.request.urlopen(url, timeout=120) as answer:
        jar = answer.read()
    found = hashlib.sha256(jar).hexdigest()
    if found != known:
        sys.exit(f"{url} has the SHA-256 {found}, not {known}")
    path.write_bytes(jar)
