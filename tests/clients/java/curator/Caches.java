import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCacheEvent.Type;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.zookeeper.Watcher.Event.EventType;

/** PathChildrenCache, CuratorCache, PersistentWatcher: one participant changes, the other one is told. */
final class Caches {
    private final Curator.Participant watching;
    private final CuratorFramework changing;
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    private Caches(List<Curator.Participant> two) {
        watching = two.get(0);
        changing = two.get(1).client;
    }

    static void run() throws Exception {
        List<Curator.Participant> two = Curator.participants(2);
        new Caches(two).pathChildren(two);
        new Caches(two).tree(two);
        new Caches(two).persistentWatcher(two);
        Curator.close(two);
    }

    private void expect(String... wanted) throws Exception {
        for (String event : wanted) {
            String seen = Curator.next(events);
            Curator.check(seen.equals(event), seen + " instead of " + event);
        }
    }

    @SuppressWarnings("deprecation")
    private void pathChildren(List<Curator.Participant> two) throws Exception {
        changing.create().forPath("/children");
        changing.create().forPath("/children/old", Curator.bytes("0"));
        PathChildrenCache cache = new PathChildrenCache(watching.client, "/children", true);
        cache.getListenable().addListener((client, event) -> {
            if (event.getType() == Type.CHILD_ADDED || event.getType() == Type.CHILD_UPDATED
                || event.getType() == Type.CHILD_REMOVED) {
                ChildData data = event.getData();
                events.add(event.getType() + " " + data.getPath() + " " + Curator.text(data.getData()));
            }
        });
        cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
        Curator.check(cache.getCurrentData().size() == 1, cache.getCurrentData());
        changing.create().forPath("/children/new", Curator.bytes("1"));
        expect("CHILD_ADDED /children/new 1");
        changing.setData().forPath("/children/new", Curator.bytes("2"));
        expect("CHILD_UPDATED /children/new 2");
        changing.delete().forPath("/children/old");
        expect("CHILD_REMOVED /children/old 0");
        Curator.restart(two);
        changing.setData().forPath("/children/new", Curator.bytes("3"));
        expect("CHILD_UPDATED /children/new 3");
        changing.create().forPath("/children/newer", Curator.bytes("4"));
        expect("CHILD_ADDED /children/newer 4");
        Curator.check(cache.getCurrentData().size() == 2 && events.isEmpty(), events);
        cache.close();
        Curator.step("PathChildrenCache across a restart");
    }

    /** It has a persistent recursive watch. */
    private void tree(List<Curator.Participant> two) throws Exception {
        changing.create().forPath("/tree", Curator.bytes("root"));
        changing.create().forPath("/tree/a", Curator.bytes("0"));
        CountDownLatch ready = new CountDownLatch(1);
        CuratorCache cache = CuratorCache.build(watching.client, "/tree");
        cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown).build());
        cache.listenable().addListener(CuratorCacheListener.builder().afterInitialized()
            .forCreates(node -> events.add("created " + node.getPath() + " " + Curator.text(node.getData())))
            .forChanges((old, node) -> events.add("changed " + node.getPath() + " " + Curator.text(node.getData())))
            .forDeletes(node -> events.add("deleted " + node.getPath())).build());
        cache.start();
        Curator.check(ready.await(Curator.PATIENCE_S, TimeUnit.SECONDS), "the cache was never ready");
        Curator.check(cache.size() == 2, cache.size());
        changing.create().forPath("/tree/a/b", Curator.bytes("1"));
        expect("created /tree/a/b 1");
        changing.setData().forPath("/tree", Curator.bytes("changed"));
        expect("changed /tree changed");
        changing.delete().forPath("/tree/a/b");
        expect("deleted /tree/a/b");
        Curator.restart(two);
        changing.create().forPath("/tree/a/c", Curator.bytes("2"));
        expect("created /tree/a/c 2");
        changing.create().forPath("/tree/a/c/d", Curator.bytes("3"));
        expect("created /tree/a/c/d 3");
        changing.delete().deletingChildrenIfNeeded().forPath("/tree/a");
        expect("deleted /tree/a/c/d", "deleted /tree/a/c", "deleted /tree/a");
        Curator.check(cache.size() == 1 && events.isEmpty(), events);
        cache.close();
        Curator.step("CuratorCache across a restart");
    }

    private void persistentWatcher(List<Curator.Participant> two) throws Exception {
        CountDownLatch set = new CountDownLatch(1);
        PersistentWatcher watcher = new PersistentWatcher(watching.client, "/watched", false);
        watcher.getResetListenable().addListener(set::countDown);
        watcher.getListenable().addListener(event -> {
            if (event.getType() != EventType.None) {
                events.add(event.getType() + " " + event.getPath());
            }
        });
        watcher.start();
        Curator.check(set.await(Curator.PATIENCE_S, TimeUnit.SECONDS), "the watch was never set");
        changing.create().forPath("/watched");
        changing.create().forPath("/watched/a");
        changing.setData().forPath("/watched/a", Curator.bytes("of no interest"));
        changing.setData().forPath("/watched", Curator.bytes("1"));
        expect("NodeCreated /watched", "NodeChildrenChanged /watched", "NodeDataChanged /watched");
        Curator.restart(two);
        changing.setData().forPath("/watched", Curator.bytes("2"));
        changing.setData().forPath("/watched", Curator.bytes("3"));
        changing.delete().forPath("/watched/a");
        changing.delete().forPath("/watched");
        expect("NodeDataChanged /watched", "NodeDataChanged /watched", "NodeChildrenChanged /watched",
            "NodeDeleted /watched");
        watcher.close();
        Curator.step("PersistentWatcher across a restart");
    }
}
