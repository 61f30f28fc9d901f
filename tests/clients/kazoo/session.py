"""What people do with kazoo, step by step; the test restarts the server when this prints RESTART."""
import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import BadVersionError, NoAuthError, NodeExistsError, NoNodeError, NotEmptyError, RolledBackError
from kazoo.security import make_acl, make_digest_acl

HOSTS = sys.argv[1]
PATIENCE = 30


def connect(**options):
    client = KazooClient(hosts=HOSTS, timeout=20, **options)
    client.start(timeout=PATIENCE)
    return client


def expect(error, call, *args, **options):
    try:
        call(*args, **options)
    except error:
        return
    raise AssertionError(f"{call.__name__}{args} did not raise {error.__name__}")


def step(name):
    print("ok:", name, flush=True)


def words(zk):
    # What is before the first hyphen, as numbers.
    assert zk.server_version() >= (3, 8), zk.server_version()
    assert zk.command(b"ruok") == "imok"
    step("four-letter words")


def crud(zk):
    assert zk.create("/kazoo/crud", b"one", makepath=True) == "/kazoo/crud"
    data, stat = zk.get("/kazoo/crud")
    assert (data, stat.version, stat.data_length, stat.ephemeralOwner) == (b"one", 0, 3, 0), (data, stat)
    assert zk.set("/kazoo/crud", b"two", version=0).version == 1
    expect(BadVersionError, zk.set, "/kazoo/crud", b"three", version=0)
    expect(NodeExistsError, zk.create, "/kazoo/crud")
    expect(NotEmptyError, zk.delete, "/kazoo")
    path, stat = zk.create("/kazoo/with-stat", b"", include_data=True)
    assert path == "/kazoo/with-stat" and stat == zk.exists("/kazoo/with-stat")
    assert sorted(zk.get_children("/kazoo")) == ["crud", "with-stat"]
    zk.delete("/kazoo/crud", version=1)
    assert zk.exists("/kazoo/crud") is None
    expect(NoNodeError, zk.get, "/kazoo/crud")
    assert zk.sync("/kazoo") == "/kazoo"
    step("create, read, update, delete")


def ephemeral(zk):
    other = connect()
    zk.create("/kazoo/queue")
    paths = [zk.create("/kazoo/queue/n-", ephemeral=True, sequence=True) for _ in range(3)]
    paths.append(other.create("/kazoo/queue/n-", ephemeral=True, sequence=True))
    assert paths == [f"/kazoo/queue/n-{number:010}" for number in range(4)], paths
    zk.sync(paths[3])  # What the other session has done is seen from here on, at any server.
    assert zk.exists(paths[3]).ephemeralOwner == other.client_id[0]
    gone = threading.Event()
    assert zk.exists(paths[3], watch=lambda event: gone.set() if event.type == "DELETED" else None)
    other.stop()
    other.close()
    assert gone.wait(PATIENCE), "the other session's ephemeral did not go with it"
    assert len(zk.get_children("/kazoo/queue")) == 3
    step("ephemeral and sequential")


def watches(zk):
    other = connect()
    seen = []
    arrived = threading.Semaphore(0)

    def note(event):
        seen.append((event.type, event.path))
        arrived.release()

    assert zk.exists("/kazoo/watched", watch=note) is None
    other.create("/kazoo/watched", b"1")
    assert arrived.acquire(timeout=PATIENCE)
    zk.get("/kazoo/watched", watch=note)
    zk.get_children("/kazoo/watched", watch=note)
    other.set("/kazoo/watched", b"2")
    assert arrived.acquire(timeout=PATIENCE)
    other.set("/kazoo/watched", b"3")  # The watch is used up.
    other.create("/kazoo/watched/child")
    assert arrived.acquire(timeout=PATIENCE)
    other.delete("/kazoo/watched", recursive=True)
    zk.sync("/")
    assert seen == [
        ("CREATED", "/kazoo/watched"),
        ("CHANGED", "/kazoo/watched"),
        ("CHILD", "/kazoo/watched"),
    ], seen
    other.stop()
    step("watches")


def multi(zk):
    transaction = zk.transaction()
    transaction.create("/kazoo/multi", b"a")
    transaction.set_data("/kazoo/multi", b"b", version=0)
    transaction.check("/kazoo/multi", 1)
    transaction.create("/kazoo/multi/child-", sequence=True)
    results = transaction.commit()
    assert results[0] == "/kazoo/multi" and results[1].version == 1 and results[2] is True, results
    assert results[3] == "/kazoo/multi/child-0000000000", results

    transaction = zk.transaction()
    transaction.set_data("/kazoo/multi", b"never")
    transaction.check("/kazoo/multi", 7)
    transaction.delete("/kazoo/multi/child-0000000000")
    kinds = [type(result) for result in transaction.commit()]
    assert kinds[0] is RolledBackError and kinds[1] is BadVersionError, kinds
    assert zk.get("/kazoo/multi")[0] == b"b" and zk.exists("/kazoo/multi/child-0000000000")
    step("multi")


def acl(zk):
    owner = connect(auth_data=[("digest", "owner:secret")])
    owner.create("/kazoo/secret", b"x", acl=[make_digest_acl("owner", "secret", all=True)])
    owner.create("/kazoo/mine", b"x", acl=[make_acl("auth", "", all=True)])
    for path in ("/kazoo/secret", "/kazoo/mine"):
        zk.sync(path)
        expect(NoAuthError, zk.get, path)
        expect(NoAuthError, zk.set, path, b"y")
        expect(NoAuthError, zk.set_acls, path, [make_acl("world", "anyone", all=True)])
        assert owner.get(path)[0] == b"x"
        entries, stat = owner.get_acls(path)
        assert [(one.perms, one.id.scheme, one.id.id.split(":")[0]) for one in entries] == [(31, "digest", "owner")]
        assert stat.aversion == 0
    owner.set_acls("/kazoo/secret", [make_acl("world", "anyone", read=True)])
    zk.sync("/kazoo/secret")
    assert zk.get("/kazoo/secret")[0] == b"x"
    zk.add_auth("digest", "owner:secret")
    assert zk.get("/kazoo/mine")[0] == b"x"
    owner.stop()
    step("ACL with digest")


def restart(zk):
    session = zk.client_id
    zk.create("/kazoo/alive", b"before", ephemeral=True)
    lost, back = threading.Event(), threading.Event()

    def listen(state):
        if state == KazooState.SUSPENDED:
            lost.set()
        elif state == KazooState.CONNECTED and lost.is_set():
            back.set()
        elif state == KazooState.LOST:
            print("the session was lost", flush=True)

    zk.add_listener(listen)
    print("RESTART", flush=True)
    assert sys.stdin.readline().strip() == "restarted"
    assert lost.wait(PATIENCE) and back.wait(PATIENCE), "no new connection"
    assert zk.client_id == session, (zk.client_id, session)
    data, stat = zk.retry(zk.get, "/kazoo/alive")
    assert data == b"before" and stat.ephemeralOwner == session[0], (data, stat)
    zk.set("/kazoo/alive", b"after")
    # Credentials are sent again on every connection.
    assert zk.get("/kazoo/mine")[0] == b"x"
    step("same session after a restart")


def main():
    zk = connect()
    for part in (words, crud, ephemeral, watches, multi, acl, restart):
        part(zk)
    zk.stop()
    zk.close()
    print("DONE", flush=True)


main()
