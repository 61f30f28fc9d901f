"""Logs in by SASL and says what came of it. The arguments: a path, a mechanism, a name and a password, and the servers."""
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, ConnectionClosedError, NoAuthError, NodeExistsError, SessionExpiredError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import CREATOR_ALL_ACL

path, mechanism, name, password, hosts = sys.argv[1:]
options = {"mechanism": mechanism}
if mechanism == "DIGEST-MD5":
    options.update(username=name, password=password)
client = KazooClient(hosts=hosts, timeout=20, sasl_options=options, connection_retry={"max_tries": 0})
try:
    client.start(timeout=30)
    client.exists("/")
except (AuthFailedError, ConnectionClosedError, KazooTimeoutError, SessionExpiredError) as error:
    print("state:", type(error).__name__)
else:
    print("state: connected")
    try:
        client.create(path, path.encode(), acl=CREATOR_ALL_ACL)
    except NodeExistsError:
        print("it was there")
    try:
        acl = client.get_acls(path)[0][0]
        print(f"acl: {acl.id.scheme}:{acl.id.id}")
        print("data:", client.get(path)[0].decode())
    except NoAuthError:
        print("no auth")
    client.stop()
print("DONE", flush=True)
