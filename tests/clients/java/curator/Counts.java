import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** SharedCount, DistributedAtomicLong. */
final class Counts {
    private static final int ROUNDS = 20;

    private Counts() {
    }

    static void run() throws Exception {
        List<Curator.Participant> all = Curator.participants(3);
        sharedCount(all);
        atomicLong(all);
        Curator.close(all);
    }

    private static void sharedCount(List<Curator.Participant> all) throws Exception {
        BlockingQueue<Integer> told = new LinkedBlockingQueue<>();
        List<SharedCount> counts = new ArrayList<>();
        for (Curator.Participant participant : all) {
            SharedCount count = new SharedCount(participant.client, "/count", 7);
            count.start();
            Curator.check(count.getCount() == 7, count.getCount());
            counts.add(count);
        }
        List<Callable<Void>> tasks = new ArrayList<>();
        for (SharedCount count : counts) {
            tasks.add(() -> {
                for (int added = 0; added < ROUNDS;) {
                    VersionedValue<Integer> now = count.getVersionedValue();
                    added += count.trySetCount(now, now.getValue() + 1) ? 1 : 0;
                }
                return null;
            });
        }
        Curator.together(tasks);
        int sum = 7 + all.size() * ROUNDS;
        for (SharedCount count : counts) {
            Curator.eventually("all have counted to " + sum, () -> count.getCount() == sum);
        }
        counts.get(0).addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader reader, int count) {
                told.add(count);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        });
        Curator.restart(all);
        counts.get(1).setCount(1);
        // The one that counted may be told of the old value again after the restart.
        int last = Curator.next(told);
        last = last == sum ? Curator.next(told) : last;
        Curator.check(last == 1, last);
        for (SharedCount count : counts) {
            count.close();
        }
        Curator.step("SharedCount across a restart");
    }

    private static void atomicLong(List<Curator.Participant> all) throws Exception {
        List<Callable<Void>> tasks = new ArrayList<>();
        for (Curator.Participant participant : all) {
            DistributedAtomicLong number =
                new DistributedAtomicLong(participant.client, "/number", new RetryNTimes(1000, 1));
            tasks.add(() -> {
                for (int round = 0; round < ROUNDS; round++) {
                    Curator.check(number.add(3L).succeeded(), "one thousand tries were not enough");
                }
                return null;
            });
        }
        Curator.together(tasks);
        Curator.catchUp(all.get(0).client);
        long sum = new DistributedAtomicLong(all.get(0).client, "/number", new RetryNTimes(1, 1)).get().postValue();
        Curator.check(sum == 3L * ROUNDS * all.size(), sum);
        Curator.step("DistributedAtomicLong");
    }
}
