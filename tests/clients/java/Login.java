import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/**
 * Logs in by the section Client of a JAAS file, says what came of it, and makes a znode that is its own. The first argument
 * is the path, the last one the servers.
 */
public class Login {
    static final int PATIENCE_S = 30;

    public static void main(String[] args) throws Exception {
        BlockingQueue<KeeperState> states = new LinkedBlockingQueue<>();
        ZooKeeper zk = new ZooKeeper(args[args.length - 1], 20000, event -> states.add(event.getState()));
        KeeperState state;
        do {
            state = states.poll(PATIENCE_S, TimeUnit.SECONDS);
        } while (state == KeeperState.SyncConnected);
        System.out.println("state: " + state);
        if (state == KeeperState.SaslAuthenticated) {
            tryToMakeItsOwn(zk, args[0]);
        }
        System.out.println("DONE");
        System.exit(0);
    }

    static void makeItsOwn(ZooKeeper zk, String path) throws Exception {
        try {
            zk.create(path, path.getBytes(), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        } catch (KeeperException.NodeExistsException exists) {
            System.out.println("it was there");
        }
        try {
            List<ACL> list = zk.getACL(path, new Stat());
            System.out.println("acl: " + list.get(0).getId().getScheme() + ":" + list.get(0).getId().getId());
            System.out.println("data: " + new String(zk.getData(path, false, null)));
        } catch (KeeperException.NoAuthException refused) {
            System.out.println("no auth");
        }
    }

    /** The client may take a failed login for a good one: its mechanism counts as complete before the failure is noted. */
    static void tryToMakeItsOwn(ZooKeeper zk, String path) throws Exception {
        try {
            makeItsOwn(zk, path);
        } catch (KeeperException.ConnectionLossException | KeeperException.AuthFailedException | KeeperException.SessionExpiredException cut) {
            System.out.println("cut: " + cut.code());
        }
    }
}
