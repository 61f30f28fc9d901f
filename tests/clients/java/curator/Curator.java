import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/**
 * Curator's recipes between participants that each have a session of their own: what each recipe promises, and that it
 * still holds after the server was killed and started again, which it is whenever this prints RESTART.
 */
public class Curator {
    static final int PATIENCE_S = 30;
    private static final int SESSION_MS = 20_000;
    private static final int RETRY_MS = 100;
    /** A client waits for an answer for the session's timeout over the number of addresses: the same one, several times. */
    private static final int ADDRESSES = 4;
    private static final BufferedReader STDIN = new BufferedReader(new InputStreamReader(System.in));
    private static String hosts;

    /** A session, with the changes of its connection in the order in which they came. */
    static final class Participant implements AutoCloseable {
        final CuratorFramework client;
        private final BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();

        private Participant() {
            client = CuratorFrameworkFactory.builder().connectString(hosts).sessionTimeoutMs(SESSION_MS)
                .connectionTimeoutMs(SESSION_MS).retryPolicy(new RetryNTimes(PATIENCE_S * 10, RETRY_MS)).build();
            client.getConnectionStateListenable().addListener((framework, state) -> states.add(state));
            client.start();
        }

        private void expect(ConnectionState wanted) throws Exception {
            ConnectionState state = next(states);
            check(state == wanted, state + " instead of " + wanted);
        }

        @Override
        public void close() {
            client.close();
        }
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** For what gives no sign when it becomes true. */
    static void eventually(String what, Condition condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S);
        while (!condition.holds()) {
            check(System.nanoTime() < end, "never: " + what);
            Thread.sleep(2);
        }
    }

    static <T> T next(BlockingQueue<T> queue) throws Exception {
        T element = queue.poll(PATIENCE_S, TimeUnit.SECONDS);
        check(element != null, "nothing came");
        return element;
    }

    /** What others have done is seen by whatever comes behind this, at any server. */
    static void catchUp(CuratorFramework client) throws Exception {
        client.sync().forPath("/");
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static void step(String name) {
        System.out.println("ok: " + name);
    }

    static List<Participant> participants(int count) throws Exception {
        List<Participant> all = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            Participant participant = new Participant();
            participant.expect(ConnectionState.CONNECTED);
            all.add(participant);
        }
        return all;
    }

    static void close(List<Participant> all) {
        all.forEach(Participant::close);
    }

    /** Runs the tasks at the same time; the first that fails is the failure of all. */
    static <T> List<T> together(List<Callable<T>> tasks) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(tasks.size());
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> task : threads.invokeAll(tasks, PATIENCE_S, TimeUnit.SECONDS)) {
                results.add(task.get());
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    /** The server is killed and started again; every participant is back in the session it had. */
    static void restart(List<Participant> all) throws Exception {
        List<Long> before = sessions(all);
        System.out.println("RESTART");
        check("restarted".equals(STDIN.readLine()), "stdin");
        for (Participant participant : all) {
            participant.expect(ConnectionState.SUSPENDED);
            participant.expect(ConnectionState.RECONNECTED);
        }
        check(before.equals(sessions(all)), "another session");
    }

    private static List<Long> sessions(List<Participant> all) throws Exception {
        List<Long> sessions = new ArrayList<>();
        for (Participant participant : all) {
            sessions.add(participant.client.getZookeeperClient().getZooKeeper().getSessionId());
        }
        return sessions;
    }

    public static void main(String[] arguments) throws Exception {
        hosts = String.join(",", Collections.nCopies(ADDRESSES, arguments[0]));
        Locks.run();
        Leaders.run();
        Caches.run();
        Barriers.run();
        Queues.run();
        Counts.run();
        Nodes.run();
        System.out.println("DONE");
        // Curator's own threads need not be waited for.
        System.exit(0);
    }
}
