import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;

/** What people do with the Java client, step by step; the test restarts the server when this prints RESTART. */
public class Session {
    static final int PATIENCE_S = 30;
    static String hosts;

    /** Events in the order in which they arrive. */
    static class Events implements Watcher {
        final BlockingQueue<WatchedEvent> queue = new LinkedBlockingQueue<>();

        public void process(WatchedEvent event) {
            queue.add(event);
        }

        WatchedEvent next() throws Exception {
            WatchedEvent event = queue.poll(PATIENCE_S, TimeUnit.SECONDS);
            check(event != null, "no event");
            return event;
        }

        void expect(EventType type, String path) throws Exception {
            WatchedEvent event = next();
            check(event.getType() == type && path.equals(event.getPath()), event + " instead of " + type + " " + path);
        }

        void expect(KeeperState state) throws Exception {
            WatchedEvent event = next();
            check(event.getType() == EventType.None && event.getState() == state, event + " instead of " + state);
        }
    }

    interface Call {
        void run() throws Exception;
    }

    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void expect(Code code, Call call) throws Exception {
        try {
            call.run();
        } catch (KeeperException error) {
            check(error.code() == code, error + " instead of " + code);
            return;
        }
        throw new AssertionError("no " + code);
    }

    static void step(String name) {
        System.out.println("ok: " + name);
    }

    static ZooKeeper connect(Events session) throws Exception {
        ZooKeeper zk = new ZooKeeper(hosts, 20_000, session);
        session.expect(KeeperState.SyncConnected);
        return zk;
    }

    /** What other sessions have done is seen by whatever comes behind this, at any server. */
    static void catchUp(ZooKeeper zk) {
        zk.sync("/java", (code, path, context) -> { }, null);
    }

    static void crud(ZooKeeper zk) throws Exception {
        zk.create("/java", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Stat made = new Stat();
        zk.create("/java/crud", "one".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, made);
        check(made.equals(zk.exists("/java/crud", false)), made);
        Stat stat = new Stat();
        check(Arrays.equals(zk.getData("/java/crud", false, stat), "one".getBytes()), "data");
        check(stat.equals(made) && stat.getVersion() == 0 && stat.getDataLength() == 3, stat);
        check(zk.getData("/java", false, stat) == null && stat.getNumChildren() == 1, stat);
        check(zk.setData("/java/crud", "two".getBytes(), 0).getVersion() == 1, "version");
        expect(Code.BADVERSION, () -> zk.setData("/java/crud", new byte[0], 0));
        expect(Code.NODEEXISTS, () -> zk.create("/java/crud", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        expect(Code.NOTEMPTY, () -> zk.delete("/java", -1));
        check(zk.getChildren("/java", false).equals(List.of("crud")), "children");
        zk.delete("/java/crud", 1);
        check(zk.exists("/java/crud", false) == null, "still there");
        expect(Code.NONODE, () -> zk.getData("/java/crud", false, null));
        step("create, read, update, delete");
    }

    static void ephemeral(ZooKeeper zk) throws Exception {
        ZooKeeper other = connect(new Events());
        zk.create("/java/queue", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        List<String> paths = new ArrayList<>();
        for (ZooKeeper owner : List.of(zk, zk, other)) {
            paths.add(owner.create("/java/queue/n-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        }
        check(paths.get(2).equals("/java/queue/n-0000000002"), paths);
        catchUp(zk);
        Events gone = new Events();
        check(zk.exists(paths.get(2), gone).getEphemeralOwner() == other.getSessionId(), "owner");
        expect(Code.NOCHILDRENFOREPHEMERALS,
            () -> zk.create(paths.get(0) + "/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        other.close();
        gone.expect(EventType.NodeDeleted, paths.get(2));
        check(zk.getChildren("/java/queue", false).size() == 2, "children");
        step("ephemeral and sequential");
    }

    static void watches(ZooKeeper zk) throws Exception {
        ZooKeeper other = connect(new Events());
        Events events = new Events();
        check(zk.exists("/java/watched", events) == null, "not yet");
        other.create("/java/watched", "1".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        events.expect(EventType.NodeCreated, "/java/watched");
        zk.getData("/java/watched", events, null);
        zk.getChildren("/java/watched", events);
        other.setData("/java/watched", "2".getBytes(), -1);
        events.expect(EventType.NodeDataChanged, "/java/watched");
        other.setData("/java/watched", "3".getBytes(), -1); // The watch is used up.
        other.create("/java/watched/child", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        events.expect(EventType.NodeChildrenChanged, "/java/watched");
        zk.getData("/java/watched/child", events, null);
        zk.getChildren("/java/watched/child", events);
        other.delete("/java/watched/child", -1);
        events.expect(EventType.NodeDeleted, "/java/watched/child");
        other.delete("/java/watched", -1);
        other.close();
        catchUp(zk);
        check(zk.exists("/java/watched", false) == null && events.queue.isEmpty(), events.queue);
        step("watches");
    }

    static void multi(ZooKeeper zk) throws Exception {
        List<OpResult> results = zk.multi(List.of(
            Op.create("/java/multi", "a".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.setData("/java/multi", "b".getBytes(), 0),
            Op.check("/java/multi", 1),
            Op.create("/java/multi/n-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL)));
        check(((OpResult.SetDataResult) results.get(1)).getStat().getVersion() == 1, results);
        check(((OpResult.CreateResult) results.get(3)).getPath().equals("/java/multi/n-0000000000"), results);
        try {
            zk.transaction().setData("/java/multi", "never".getBytes(), -1).check("/java/multi", 7)
                .delete("/java/multi/n-0000000000", -1).commit();
            check(false, "a multi with a wrong version succeeded");
        } catch (KeeperException error) {
            check(error.code() == Code.BADVERSION, error);
            int[] codes = error.getResults().stream().mapToInt(one -> ((OpResult.ErrorResult) one).getErr()).toArray();
            check(Arrays.equals(codes, new int[] {0, -103, -2}), Arrays.toString(codes));
        }
        check(Arrays.equals(zk.getData("/java/multi", false, null), "b".getBytes()), "a failed multi left a trace");
        step("multi");
    }

    static void acl(ZooKeeper zk) throws Exception {
        ZooKeeper owner = connect(new Events());
        owner.addAuthInfo("digest", "owner:secret".getBytes());
        Id id = new Id("digest", DigestAuthenticationProvider.generateDigest("owner:secret"));
        owner.create("/java/secret", "x".getBytes(), Arrays.asList(new ACL(Perms.ALL, id)), CreateMode.PERSISTENT);
        owner.create("/java/mine", "x".getBytes(), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        catchUp(zk);
        for (String path : List.of("/java/secret", "/java/mine")) {
            expect(Code.NOAUTH, () -> zk.getData(path, false, null));
            expect(Code.NOAUTH, () -> zk.setData(path, null, -1));
            expect(Code.NOAUTH, () -> zk.getACL(path, null));
            check(owner.getACL(path, new Stat()).equals(List.of(new ACL(Perms.ALL, id))), "ACL");
        }
        Stat stat = owner.setACL("/java/secret", Ids.READ_ACL_UNSAFE, 0);
        catchUp(zk);
        check(stat.getAversion() == 1 && zk.getData("/java/secret", false, null).length == 1, stat);
        expect(Code.INVALIDACL, () -> zk.create("/java/bad", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        zk.addAuthInfo("digest", "owner:secret".getBytes());
        check(zk.getData("/java/mine", false, null).length == 1, "the owner may read");
        owner.close();
        Events refused = new Events();
        ZooKeeper stranger = connect(refused);
        stranger.addAuthInfo("unheard-of", new byte[0]);
        refused.expect(KeeperState.AuthFailed);
        stranger.close();
        step("ACL with digest");
    }

    static void restart(ZooKeeper zk, Events session) throws Exception {
        long id = zk.getSessionId();
        zk.create("/java/alive", "before".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Events armed = new Events();
        zk.getData("/java/alive", armed, null);
        zk.exists("/java/later", armed);
        zk.getChildren("/java/queue", armed);
        System.out.println("RESTART");
        check("restarted".equals(new BufferedReader(new InputStreamReader(System.in)).readLine()), "stdin");
        session.expect(KeeperState.Disconnected);
        session.expect(KeeperState.SyncConnected);
        check(zk.getSessionId() == id, "another session");
        // One watcher object, so it hears of the session once, however many watches it is set on.
        armed.expect(KeeperState.Disconnected);
        armed.expect(KeeperState.SyncConnected);
        Stat stat = zk.exists("/java/alive", false);
        check(stat != null && stat.getEphemeralOwner() == id, stat);
        // setWatches has put the watches on the new connection.
        zk.setData("/java/alive", "after".getBytes(), 0);
        armed.expect(EventType.NodeDataChanged, "/java/alive");
        zk.create("/java/later", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        armed.expect(EventType.NodeCreated, "/java/later");
        zk.create("/java/queue/more", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        armed.expect(EventType.NodeChildrenChanged, "/java/queue");
        check(zk.getData("/java/mine", false, null).length == 1, "credentials are sent again");
        step("same session and watches after a restart");
    }

    public static void main(String[] arguments) throws Exception {
        hosts = arguments[0];
        Events session = new Events();
        ZooKeeper zk = connect(session);
        crud(zk);
        ephemeral(zk);
        watches(zk);
        multi(zk);
        acl(zk);
        restart(zk, session);
        zk.close();
        System.out.println("DONE");
    }
}
