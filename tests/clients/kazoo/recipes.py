"""kazoo's recipes between several clients."""
import sys
import threading

from kazoo.client import KazooClient

HOSTS = sys.argv[1]
PATIENCE = 30


def connect():
    client = KazooClient(hosts=HOSTS, timeout=20)
    client.start(timeout=PATIENCE)
    return client


def step(name):
    print("ok:", name, flush=True)


def together(*calls):
    """Runs the calls in threads of their own; an exception in any of them is raised here."""
    failures = []

    def run(call):
        try:
            call()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a recipe hangs"
    if failures:
        raise failures[0]


def lock(clients):
    inside, most, entries = [0], [0], [0]

    def work(client, name):
        for _ in range(5):
            with client.Lock("/recipes/lock", name):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                entries[0] += 1
                client.exists("/recipes/lock")
                inside[0] -= 1

    together(*(lambda c=client, n=f"c{i}": work(c, n) for i, client in enumerate(clients)))
    assert most[0] == 1 and entries[0] == 5 * len(clients), (most, entries)
    holder, waiter = (client.Lock("/recipes/lock2", str(i)) for i, client in enumerate(clients[:2]))
    assert holder.acquire()
    assert not waiter.acquire(blocking=False)
    assert waiter.contenders() == ["0"], waiter.contenders()
    holder.release()
    assert waiter.acquire(timeout=PATIENCE)
    waiter.release()
    readers = [client.ReadLock("/recipes/rw", "r") for client in clients[:2]]
    writer = clients[2].WriteLock("/recipes/rw", "w")
    assert all(reader.acquire(timeout=PATIENCE) for reader in readers)
    assert not writer.acquire(blocking=False)
    for reader in readers:
        reader.release()
    assert writer.acquire(timeout=PATIENCE)
    writer.release()
    step("Lock, ReadLock, WriteLock")


def semaphore(clients):
    semaphores = [client.Semaphore("/recipes/semaphore", f"s{i}", max_leases=2) for i, client in enumerate(clients)]
    assert semaphores[0].acquire() and semaphores[1].acquire()
    assert not semaphores[2].acquire(blocking=False)
    assert sorted(semaphores[2].lease_holders()) == ["s0", "s1"]
    semaphores[0].release()
    assert semaphores[2].acquire(timeout=PATIENCE)
    for one in semaphores[1:3]:
        one.release()
    step("Semaphore")


def election(clients):
    led = []

    def lead(name):
        led.append(name)
        if len(led) == len(clients):
            done.set()

    done = threading.Event()
    together(*(lambda c=client, n=i: c.Election("/recipes/election", str(n)).run(lead, n)
               for i, client in enumerate(clients)))
    assert done.is_set() and sorted(led) == list(range(len(clients))), led
    step("Election")


def queue(clients):
    writer, reader = clients[0].Queue("/recipes/queue"), clients[1].Queue("/recipes/queue")
    for item in range(10):
        writer.put(b"item %d" % item, priority=100 - item)
    assert len(reader) == 10
    assert [reader.get() for _ in range(10)] == [b"item %d" % item for item in reversed(range(10))]
    assert reader.get() is None
    step("Queue")


def locking_queue(clients):
    first, second = (client.LockingQueue("/recipes/locking-queue") for client in clients[:2])
    first.put(b"one")
    first.put_all([b"two", b"three"])
    assert len(first) == 3
    assert first.get(timeout=PATIENCE) == b"one" and first.holds_lock()
    assert second.get(timeout=PATIENCE) == b"two"
    assert first.consume() and not first.holds_lock()
    assert second.release()
    assert [first.get(PATIENCE), first.consume(), first.get(PATIENCE), first.consume()] == [b"two", True, b"three", True]
    assert len(first) == 0
    got = []
    together(lambda: got.append(second.get(timeout=PATIENCE)), lambda: first.put(b"late"))
    assert got == [b"late"] and second.consume()
    step("LockingQueue")


def barrier(clients):
    one, other = clients[0].Barrier("/recipes/barrier"), clients[1].Barrier("/recipes/barrier")
    one.create()
    assert not other.wait(timeout=0.1)
    passed = []
    together(lambda: passed.append(other.wait(timeout=PATIENCE)), one.remove)
    assert passed == [True], passed
    step("Barrier")


def double_barrier(clients):
    entered, left = [], []

    def work(client, name):
        gate = client.DoubleBarrier("/recipes/double-barrier", len(clients), name)
        gate.enter()
        entered.append(name)
        assert gate.participating
        gate.leave()
        assert len(entered) == len(clients), entered
        left.append(name)

    together(*(lambda c=client, n=f"d{i}": work(c, n) for i, client in enumerate(clients)))
    assert len(left) == len(clients)
    step("DoubleBarrier")


def counter(clients):
    def work(client):
        count = client.Counter("/recipes/counter", default=0)
        for _ in range(10):
            count += 2
            count -= 1

    together(*(lambda c=client: work(c) for client in clients))
    assert clients[0].Counter("/recipes/counter").value == 10 * len(clients)
    step("Counter")


def party(clients):
    parties = [client.Party("/recipes/party", f"p{i}") for i, client in enumerate(clients)]
    for one in parties:
        one.join()
    assert sorted(parties[0]) == [f"p{i}" for i in range(len(clients))]
    parties[1].leave()
    assert len(parties[0]) == len(clients) - 1
    shallow = [client.ShallowParty("/recipes/shallow", f"p{i}") for i, client in enumerate(clients[:2])]
    for one in shallow:
        one.join()
    assert sorted(shallow[0]) == ["p0", "p1"]
    step("Party, ShallowParty")


def data_watch(clients):
    seen, arrived = [], threading.Semaphore(0)

    @clients[0].DataWatch("/recipes/data")
    def note(data, stat, event):
        seen.append((data, stat.version if stat else None, event.type if event else None))
        arrived.release()
        return len(seen) < 5

    def after(call, *args):
        call(*args)
        assert arrived.acquire(timeout=PATIENCE), (call, seen)

    assert arrived.acquire(timeout=PATIENCE)
    after(clients[1].create, "/recipes/data", b"0")
    after(clients[1].set, "/recipes/data", b"1")
    after(clients[1].delete, "/recipes/data")
    after(clients[1].create, "/recipes/data", b"again")
    assert seen == [
        (None, None, None), (b"0", 0, "CREATED"), (b"1", 1, "CHANGED"), (None, None, "DELETED"), (b"again", 0, "CREATED"),
    ], seen
    step("DataWatch")


def children_watch(clients):
    clients[1].ensure_path("/recipes/children")
    seen, arrived = [], threading.Semaphore(0)

    @clients[0].ChildrenWatch("/recipes/children")
    def note(children):
        seen.append(sorted(children))
        arrived.release()

    assert arrived.acquire(timeout=PATIENCE)
    for name in ("a", "b"):
        clients[1].create(f"/recipes/children/{name}", ephemeral=True)
        assert arrived.acquire(timeout=PATIENCE)
    clients[1].delete("/recipes/children/a")
    assert arrived.acquire(timeout=PATIENCE)
    assert seen == [[], ["a"], ["a", "b"], ["b"]], seen
    step("ChildrenWatch")


def main():
    clients = [connect() for _ in range(4)]
    clients[0].ensure_path("/recipes")
    for recipe in (lock, semaphore, election, queue, locking_queue, barrier, double_barrier, counter, party, data_watch,
                   children_watch):
        recipe(clients)
    for client in clients:
        client.stop()
        client.close()
    print("DONE", flush=True)


main()
