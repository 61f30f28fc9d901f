import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.recipes.leader.LeaderElectionSupport;
import org.apache.zookeeper.recipes.leader.LeaderElectionSupport.EventType;
import org.apache.zookeeper.recipes.lock.LockListener;
import org.apache.zookeeper.recipes.lock.WriteLock;
import org.apache.zookeeper.recipes.queue.DistributedQueue;

/** The recipes that come with ZooKeeper: lock, queue, election. The test restarts the server when this prints RESTART. */
public class Recipes {
    static final int PATIENCE_S = 30;
    static String hosts;

    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static <T> T next(BlockingQueue<T> queue) throws Exception {
        T element = queue.poll(PATIENCE_S, TimeUnit.SECONDS);
        check(element != null, "nothing came");
        return element;
    }

    /** A lock that was told of a new connection may say once more that it was acquired; it never speaks before its turn. */
    static void acquires(BlockingQueue<Integer> acquired, int turn) throws Exception {
        int number;
        do {
            number = next(acquired);
            check(number <= turn, number + " before " + turn);
        } while (number < turn);
    }

    static void step(String name) {
        System.out.println("ok: " + name);
    }

    /** A session, and what became of its connection. */
    static class Session implements Watcher {
        final BlockingQueue<KeeperState> states = new LinkedBlockingQueue<>();
        final ZooKeeper zk;

        Session() throws Exception {
            zk = new ZooKeeper(hosts, 20_000, this);
            expect(KeeperState.SyncConnected);
        }

        public void process(WatchedEvent event) {
            if (event.getType() == Watcher.Event.EventType.None) {
                states.add(event.getState());
            }
        }

        final void expect(KeeperState wanted) throws Exception {
            KeeperState state = next(states);
            check(state == wanted, state + " instead of " + wanted);
        }
    }

    static List<Session> sessions(int count) throws Exception {
        List<Session> all = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            all.add(new Session());
        }
        return all;
    }

    /** The lock goes from one to the next in the order in which they asked, also when one dies or the server is killed. */
    static void lock() throws Exception {
        List<Session> all = sessions(4);
        BlockingQueue<Integer> acquired = new LinkedBlockingQueue<>();
        List<WriteLock> locks = new ArrayList<>();
        for (int number = 0; number < all.size(); number++) {
            int own = number;
            WriteLock lock = new WriteLock(all.get(number).zk, "/lock", null, new LockListener() {
                public void lockAcquired() {
                    acquired.add(own);
                }

                public void lockReleased() {
                }
            });
            lock.lock();
            locks.add(lock);
        }
        acquires(acquired, 0);
        check(locks.get(0).isOwner(), "the first one has it");
        check(!locks.get(1).isOwner() && acquired.isEmpty(), acquired);
        locks.get(0).unlock();
        acquires(acquired, 1);
        check(locks.get(1).isOwner(), "the second one has it");
        System.out.println("RESTART");
        check("restarted".equals(new BufferedReader(new InputStreamReader(System.in)).readLine()), "stdin");
        for (Session session : all) {
            session.expect(KeeperState.Disconnected);
            session.expect(KeeperState.SyncConnected);
        }
        check(locks.get(1).isOwner() && !locks.get(2).isOwner() && !locks.get(3).isOwner(), "as before");
        all.get(1).zk.close();
        acquires(acquired, 2);
        locks.get(2).unlock();
        acquires(acquired, 3);
        locks.get(3).unlock();
        for (Session session : all) {
            session.zk.close();
        }
        step("lock across a restart");
    }

    static void queue() throws Exception {
        List<Session> all = sessions(3);
        DistributedQueue producer = new DistributedQueue(all.get(0).zk, "/queue", null);
        try {
            producer.remove();
            check(false, "there is nothing to remove");
        } catch (NoSuchElementException expected) {
            check(producer.poll() == null && producer.peek() == null, "empty");
        }
        // The queue's znode is made by the first that needs it, and a second one at the same time would fail.
        check(producer.offer(new byte[] {99}) && producer.remove()[0] == 99, "one in, one out");
        BlockingQueue<Byte> taken = new LinkedBlockingQueue<>();
        List<Thread> consumers = new ArrayList<>();
        for (Session session : all.subList(1, 3)) {
            DistributedQueue queue = new DistributedQueue(session.zk, "/queue", null);
            Thread consumer = new Thread(() -> {
                try {
                    for (int number = 0; number < 20; number++) {
                        taken.add(queue.take()[0]);
                    }
                } catch (Exception error) {
                    error.printStackTrace();
                }
            });
            consumer.start();
            consumers.add(consumer);
        }
        for (byte number = 0; number < 40; number++) {
            check(producer.offer(new byte[] {number}), "offer");
        }
        boolean[] seen = new boolean[40];
        for (int number = 0; number < 40; number++) {
            byte item = next(taken);
            check(!seen[item], item + " was taken twice");
            seen[item] = true;
        }
        for (Thread consumer : consumers) {
            consumer.join();
        }
        for (byte number = 0; number < 10; number++) {
            producer.offer(new byte[] {number});
        }
        for (byte number = 0; number < 10; number++) {
            check(Arrays.equals(producer.element(), new byte[] {number}), "the head");
            check(Arrays.equals(producer.remove(), new byte[] {number}), "the order");
        }
        for (Session session : all) {
            session.zk.close();
        }
        step("queue");
    }

    static void election() throws Exception {
        List<Session> all = sessions(3);
        all.get(0).zk.create("/election", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        BlockingQueue<String> elected = new LinkedBlockingQueue<>();
        List<LeaderElectionSupport> candidates = new ArrayList<>();
        for (int number = 0; number < all.size(); number++) {
            LeaderElectionSupport candidate = new LeaderElectionSupport();
            String name = "candidate " + number;
            candidate.setZooKeeper(all.get(number).zk);
            candidate.setRootNodeName("/election");
            candidate.setHostName(name);
            candidate.addListener(event -> {
                if (event == EventType.ELECTED_COMPLETE) {
                    elected.add(name);
                }
                check(event != EventType.FAILED, name + " failed");
            });
            candidate.start();
            candidates.add(candidate);
        }
        check(next(elected).equals("candidate 0") && elected.isEmpty(), elected);
        check(candidates.get(2).getLeaderHostName().equals("candidate 0"), candidates.get(2).getLeaderHostName());
        candidates.get(0).stop();
        check(next(elected).equals("candidate 1"), elected);
        all.get(1).zk.close();
        check(next(elected).equals("candidate 2"), elected);
        check(candidates.get(2).getLeaderHostName().equals("candidate 2"), candidates.get(2).getLeaderHostName());
        candidates.get(2).stop();
        for (Session session : all) {
            session.zk.close();
        }
        step("election");
    }

    public static void main(String[] arguments) throws Exception {
        hosts = arguments[0];
        lock();
        queue();
        election();
        System.out.println("DONE");
    }
}
