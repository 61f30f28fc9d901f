import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;

/** DistributedBarrier, DistributedDoubleBarrier. */
final class Barriers {
    private Barriers() {
    }

    static void run() throws Exception {
        List<Curator.Participant> all = Curator.participants(3);
        barrier(all);
        doubleBarrier(all);
        Curator.close(all);
    }

    private static void barrier(List<Curator.Participant> all) throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(all.get(0).client, "/barrier");
        barrier.setBarrier();
        for (Curator.Participant participant : all) {
            boolean passed = new DistributedBarrier(participant.client, "/barrier").waitOnBarrier(1, TimeUnit.MILLISECONDS);
            Curator.check(!passed, "the barrier is closed");
        }
        AtomicInteger waiting = new AtomicInteger();
        List<Callable<Boolean>> tasks = new ArrayList<>();
        for (Curator.Participant participant : all.subList(1, all.size())) {
            tasks.add(() -> {
                waiting.incrementAndGet();
                return new DistributedBarrier(participant.client, "/barrier").waitOnBarrier(Curator.PATIENCE_S, TimeUnit.SECONDS);
            });
        }
        tasks.add(() -> {
            Curator.eventually("two that wait", () -> waiting.get() == 2);
            barrier.removeBarrier();
            return true;
        });
        Curator.check(!Curator.together(tasks).contains(false), "the barrier was opened");
        Curator.step("DistributedBarrier");
    }

    /** Nobody is inside before all have come, nobody is outside before all have left. */
    private static void doubleBarrier(List<Curator.Participant> all) throws Exception {
        AtomicInteger came = new AtomicInteger();
        AtomicInteger left = new AtomicInteger();
        List<Callable<Void>> tasks = new ArrayList<>();
        for (Curator.Participant participant : all) {
            DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(participant.client, "/double", all.size());
            tasks.add(() -> {
                came.incrementAndGet();
                Curator.check(barrier.enter(Curator.PATIENCE_S, TimeUnit.SECONDS), "nobody could enter");
                Curator.check(came.get() == all.size(), "one is inside before all have come");
                left.incrementAndGet();
                Curator.check(barrier.leave(Curator.PATIENCE_S, TimeUnit.SECONDS), "nobody could leave");
                Curator.check(left.get() == all.size(), "one is outside before all have left");
                return null;
            });
        }
        Curator.together(tasks);
        Curator.step("DistributedDoubleBarrier");
    }
}
