import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;

/** InterProcessMutex, InterProcessReadWriteLock, InterProcessSemaphoreV2. */
final class Locks {
    private static final int ROUNDS = 20;

    private Locks() {
    }

    static void run() throws Exception {
        List<Curator.Participant> all = Curator.participants(4);
        mutex(all);
        mutexOutlivesTheServer(all.subList(0, 2));
        mutexOfTheDead();
        readWrite(all);
        semaphore(all);
        Curator.close(all);
    }

    /** Reads and writes a counter without a version: only mutual exclusion keeps an update from being lost. */
    private static void mutex(List<Curator.Participant> all) throws Exception {
        all.get(0).client.create().forPath("/counter", Curator.bytes("0"));
        AtomicInteger inside = new AtomicInteger();
        List<Callable<Void>> tasks = new ArrayList<>();
        for (Curator.Participant participant : all) {
            CuratorFramework client = participant.client;
            InterProcessMutex mutex = new InterProcessMutex(client, "/mutex");
            tasks.add(() -> {
                for (int round = 0; round < ROUNDS; round++) {
                    Curator.check(mutex.acquire(Curator.PATIENCE_S, TimeUnit.SECONDS), "the mutex was never free");
                    Curator.check(inside.incrementAndGet() == 1, "two hold the mutex");
                    int count = Integer.parseInt(Curator.text(client.getData().forPath("/counter")));
                    client.setData().forPath("/counter", Curator.bytes(String.valueOf(count + 1)));
                    inside.decrementAndGet();
                    mutex.release();
                }
                return null;
            });
        }
        Curator.together(tasks);
        String counted = Curator.text(all.get(1).client.getData().forPath("/counter"));
        Curator.check(counted.equals(String.valueOf(all.size() * ROUNDS)), counted);
        Curator.step("InterProcessMutex");
    }

    private static void mutexOutlivesTheServer(List<Curator.Participant> two) throws Exception {
        InterProcessMutex first = new InterProcessMutex(two.get(0).client, "/mutex");
        InterProcessMutex second = new InterProcessMutex(two.get(1).client, "/mutex");
        first.acquire();
        Curator.check(!second.acquire(0, TimeUnit.SECONDS), "the mutex is held");
        Curator.restart(two);
        Curator.check(!second.acquire(0, TimeUnit.SECONDS), "the mutex is still held");
        Curator.check(first.getParticipantNodes().size() == 1, first.getParticipantNodes());
        first.release();
        Curator.check(second.acquire(Curator.PATIENCE_S, TimeUnit.SECONDS), "the mutex is free");
        second.release();
        Curator.step("InterProcessMutex across a restart");
    }

    /** A holder that goes without releasing lets the next one in. */
    private static void mutexOfTheDead() throws Exception {
        List<Curator.Participant> two = Curator.participants(2);
        InterProcessMutex heir = new InterProcessMutex(two.get(1).client, "/mutex");
        new InterProcessMutex(two.get(0).client, "/mutex").acquire();
        Curator.check(!heir.acquire(0, TimeUnit.SECONDS), "the mutex is held");
        two.get(0).close();
        Curator.check(heir.acquire(Curator.PATIENCE_S, TimeUnit.SECONDS), "the holder is gone");
        heir.release();
        Curator.close(two);
        Curator.step("InterProcessMutex of a session that ended");
    }

    private static void readWrite(List<Curator.Participant> all) throws Exception {
        List<InterProcessReadWriteLock> locks = new ArrayList<>();
        for (Curator.Participant participant : all) {
            locks.add(new InterProcessReadWriteLock(participant.client, "/read-write"));
        }
        locks.get(0).readLock().acquire();
        Curator.check(locks.get(1).readLock().acquire(Curator.PATIENCE_S, TimeUnit.SECONDS), "readers share");
        Curator.check(!locks.get(2).writeLock().acquire(0, TimeUnit.SECONDS), "a writer among readers");
        locks.get(0).readLock().release();
        locks.get(1).readLock().release();
        Curator.check(locks.get(2).writeLock().acquire(Curator.PATIENCE_S, TimeUnit.SECONDS), "the readers are gone");
        Curator.check(!locks.get(3).writeLock().acquire(0, TimeUnit.SECONDS), "two writers");
        Curator.check(!locks.get(0).readLock().acquire(0, TimeUnit.SECONDS), "a reader beside a writer");
        // The writer may read as well, and stays a reader when it stops writing.
        locks.get(2).readLock().acquire();
        locks.get(2).writeLock().release();
        Curator.check(locks.get(0).readLock().acquire(Curator.PATIENCE_S, TimeUnit.SECONDS), "readers share");
        locks.get(0).readLock().release();
        locks.get(2).readLock().release();
        Curator.step("InterProcessReadWriteLock");
    }

    private static void semaphore(List<Curator.Participant> all) throws Exception {
        int most = 2;
        AtomicInteger holders = new AtomicInteger();
        List<Callable<Void>> tasks = new ArrayList<>();
        for (Curator.Participant participant : all) {
            InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(participant.client, "/semaphore", most);
            tasks.add(() -> {
                for (int round = 0; round < ROUNDS / 4; round++) {
                    Lease lease = semaphore.acquire(Curator.PATIENCE_S, TimeUnit.SECONDS);
                    Curator.check(lease != null, "no lease was ever free");
                    int now = holders.incrementAndGet();
                    Curator.check(now <= most, now + " leases of " + most);
                    holders.decrementAndGet();
                    semaphore.returnLease(lease);
                }
                return null;
            });
        }
        Curator.together(tasks);
        Curator.step("InterProcessSemaphoreV2");
    }
}
