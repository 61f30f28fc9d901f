import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/** LeaderSelector, LeaderLatch. */
final class Leaders {
    private Leaders() {
    }

    /** Leads until told to stop, and says when it begins. */
    private static final class Candidate extends LeaderSelectorListenerAdapter {
        final LeaderSelector selector;
        final CountDownLatch enough = new CountDownLatch(1);
        private final AtomicInteger leaders;
        private final BlockingQueue<Candidate> elected;

        Candidate(CuratorFramework client, AtomicInteger leaders, BlockingQueue<Candidate> elected) {
            this.leaders = leaders;
            this.elected = elected;
            selector = new LeaderSelector(client, "/selector", this);
        }

        @Override
        public void takeLeadership(CuratorFramework client) throws Exception {
            leaders.incrementAndGet();
            elected.add(this);
            try {
                enough.await();
            } finally {
                leaders.decrementAndGet();
            }
        }
    }

    static void run() throws Exception {
        selector();
        latch();
    }

    private static void selector() throws Exception {
        List<Curator.Participant> all = Curator.participants(3);
        AtomicInteger leaders = new AtomicInteger();
        BlockingQueue<Candidate> elected = new LinkedBlockingQueue<>();
        List<Candidate> candidates = new ArrayList<>();
        for (Curator.Participant participant : all) {
            Candidate candidate = new Candidate(participant.client, leaders, elected);
            candidates.add(candidate);
            candidate.selector.start();
        }
        Set<Candidate> were = new HashSet<>();
        for (int turn = 0; turn < candidates.size(); turn++) {
            Candidate leader = Curator.next(elected);
            Curator.check(leaders.get() == 1, leaders + " leaders");
            Curator.check(were.add(leader), "the same leader twice");
            Curator.check(leader.selector.hasLeadership(), "it leads");
            leader.enough.countDown();
        }
        for (Candidate candidate : candidates) {
            candidate.selector.close();
        }
        Curator.close(all);
        Curator.step("LeaderSelector");
    }

    private static void latch() throws Exception {
        List<Curator.Participant> all = Curator.participants(3);
        List<LeaderLatch> latches = new ArrayList<>();
        for (Curator.Participant participant : all) {
            LeaderLatch latch = new LeaderLatch(participant.client, "/latch", "number " + latches.size());
            latch.start();
            latches.add(latch);
        }
        LeaderLatch first = leader(latches);
        Curator.eventually("three candidates", () -> first.getParticipants().size() == 3);
        for (LeaderLatch latch : latches) {
            Curator.check(latch.getLeader().getId().equals(first.getId()), latch.getLeader());
        }
        Curator.restart(all);
        LeaderLatch again = leader(latches);
        again.close();
        latches.remove(again);
        LeaderLatch second = leader(latches);
        second.close();
        latches.remove(second);
        Curator.check(latches.get(0).await(Curator.PATIENCE_S, TimeUnit.SECONDS), "the last one leads");
        latches.get(0).close();
        Curator.close(all);
        Curator.step("LeaderLatch across a restart");
    }

    private static LeaderLatch leader(List<LeaderLatch> latches) throws Exception {
        List<LeaderLatch> leaders = new ArrayList<>();
        Curator.eventually("a leader", () -> {
            leaders.clear();
            latches.stream().filter(LeaderLatch::hasLeadership).forEach(leaders::add);
            Curator.check(leaders.size() <= 1, "two leaders");
            return !leaders.isEmpty();
        });
        return leaders.get(0);
    }
}
