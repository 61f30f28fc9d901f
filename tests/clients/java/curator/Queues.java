import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.state.ConnectionState;

/** DistributedQueue, SimpleDistributedQueue. */
final class Queues {
    private static final int ITEMS = 30;

    private Queues() {
    }

    private static final class Texts implements QueueSerializer<String> {
        @Override
        public byte[] serialize(String item) {
            return Curator.bytes(item);
        }

        @Override
        public String deserialize(byte[] bytes) {
            return Curator.text(bytes);
        }
    }

    private static final class Consumer implements QueueConsumer<String> {
        private final BlockingQueue<String> consumed;

        Consumer(BlockingQueue<String> consumed) {
            this.consumed = consumed;
        }

        @Override
        public void consumeMessage(String item) {
            consumed.add(item);
        }

        @Override
        public void stateChanged(CuratorFramework client, ConnectionState state) {
        }
    }

    static void run() throws Exception {
        List<Curator.Participant> all = Curator.participants(4);
        queue(all);
        queueOutlivesTheServer(all);
        simple(all);
        Curator.close(all);
    }

    private static DistributedQueue<String> open(Curator.Participant participant, QueueConsumer<String> consumer,
        String path) throws Exception {
        DistributedQueue<String> queue =
            QueueBuilder.builder(participant.client, consumer, new Texts(), path).lockPath(path + "-locks").buildQueue();
        queue.start();
        return queue;
    }

    private static void produce(DistributedQueue<String> queue, String producer) throws Exception {
        for (int number = 0; number < ITEMS; number++) {
            queue.put(producer + " " + number);
        }
        Curator.check(queue.flushPuts(Curator.PATIENCE_S, TimeUnit.SECONDS), "the puts are not done");
    }

    /** Two produce, two consume: each item is consumed, and once. */
    private static void queue(List<Curator.Participant> all) throws Exception {
        BlockingQueue<String> consumed = new LinkedBlockingQueue<>();
        List<DistributedQueue<String>> queues = new ArrayList<>();
        for (int number = 0; number < all.size(); number++) {
            queues.add(open(all.get(number), number < 2 ? null : new Consumer(consumed), "/queue"));
        }
        produce(queues.get(0), "a");
        produce(queues.get(1), "b");
        TreeSet<String> seen = new TreeSet<>();
        for (int number = 0; number < 2 * ITEMS; number++) {
            String item = Curator.next(consumed);
            Curator.check(seen.add(item), item + " came twice");
        }
        for (DistributedQueue<String> queue : queues) {
            queue.close();
        }
        Curator.check(consumed.isEmpty(), consumed);
        Curator.step("DistributedQueue");
    }

    /** What is in the queue when the server is killed is consumed afterwards, in its order. */
    private static void queueOutlivesTheServer(List<Curator.Participant> all) throws Exception {
        DistributedQueue<String> producer = open(all.get(0), null, "/kept");
        produce(producer, "kept");
        Curator.restart(all);
        BlockingQueue<String> consumed = new LinkedBlockingQueue<>();
        DistributedQueue<String> consumer = open(all.get(1), new Consumer(consumed), "/kept");
        for (int number = 0; number < ITEMS; number++) {
            String item = Curator.next(consumed);
            Curator.check(item.equals("kept " + number), item + " instead of " + number);
        }
        consumer.close();
        producer.close();
        Curator.step("DistributedQueue across a restart");
    }

    private static void simple(List<Curator.Participant> all) throws Exception {
        List<Callable<List<String>>> tasks = new ArrayList<>();
        for (Curator.Participant participant : all.subList(2, 4)) {
            SimpleDistributedQueue queue = new SimpleDistributedQueue(participant.client, "/simple");
            tasks.add(() -> {
                List<String> taken = new ArrayList<>();
                for (int number = 0; number < ITEMS; number++) {
                    taken.add(Curator.text(queue.take()));
                }
                return taken;
            });
        }
        for (Curator.Participant participant : all.subList(0, 2)) {
            SimpleDistributedQueue queue = new SimpleDistributedQueue(participant.client, "/simple");
            tasks.add(() -> {
                for (int number = 0; number < ITEMS; number++) {
                    Curator.check(queue.offer(Curator.bytes(String.valueOf(number))), "offer");
                }
                return Collections.emptyList();
            });
        }
        List<String> taken = new ArrayList<>();
        Curator.together(tasks).forEach(taken::addAll);
        Curator.check(taken.size() == 2 * ITEMS, taken);
        for (int number = 0; number < ITEMS; number++) {
            Curator.check(Collections.frequency(taken, String.valueOf(number)) == 2, number + " in " + taken);
        }
        Curator.step("SimpleDistributedQueue");
    }
}
