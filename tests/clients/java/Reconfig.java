import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AsyncCallback.DataCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;
import org.apache.zookeeper.server.util.ConfigUtils;

/**
 * ZooKeeper's client for administrators, told line by line what to do. Each line has one line for an answer, in which a
 * configuration has spaces instead of the ends of its lines: OK and what there is to tell, or the name of an error's code.
 */
public class Reconfig {
    static final int PATIENCE_S = 30;
    static final int TIMEOUT_MS = 20_000;

    static ZooKeeperAdmin admin;
    static final BlockingQueue<WatchedEvent> changes = new LinkedBlockingQueue<>();
    static final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String told;
            try {
                told = perform(line.split(" "));
            } catch (KeeperException error) {
                told = error.code().name();
            }
            System.out.println(told);
        }
    }

    static String perform(String[] words) throws Exception {
        switch (words[0]) {
            case "connect":
                return connect(words[1]);
            case "auth":
                admin.addAuthInfo("digest", words[1].getBytes());
                return "OK";
            case "reconfig":
                Stat stat = new Stat();
                return told(admin.reconfigure(list(words[1]), list(words[2]), list(words[3]), version(words[4]), stat), stat);
            case "begin":
                admin.reconfigure(list(words[1]), list(words[2]), list(words[3]), version(words[4]), noted(), null);
                return "OK";
            case "begun":
                String answer = answers.poll(PATIENCE_S, TimeUnit.SECONDS);
                return answer == null ? "no answer" : answer;
            case "config":
                return config(false);
            case "watch":
                return config(true);
            case "change":
                WatchedEvent event = changes.poll(PATIENCE_S, TimeUnit.SECONDS);
                return event == null ? "no event" : "OK " + event.getType() + " " + event.getPath() + " " + changes.size();
            case "allow":
                return allow(words[1], words[2]);
            case "move":
                admin.updateServerList(ConfigUtils.getClientConfigStr(new String(admin.getConfig(false, new Stat()))));
                return "OK";
            case "create":
                CreateMode mode = words.length > 2 ? CreateMode.valueOf(words[2]) : CreateMode.PERSISTENT;
                return "OK " + admin.create(words[1], "data".getBytes(), Ids.OPEN_ACL_UNSAFE, mode);
            case "owner":
                Stat found = admin.exists(words[1], false);
                return found == null ? "none" : found.getEphemeralOwner() == admin.getSessionId() ? "OK" : "another";
            default:
                throw new IllegalArgumentException(String.join(" ", words));
        }
    }

    static String connect(String hosts) throws Exception {
        BlockingQueue<KeeperState> states = new LinkedBlockingQueue<>();
        admin = new ZooKeeperAdmin(hosts, TIMEOUT_MS, event -> {
            // A watch for the configuration is one of its own.
            if (event.getType() == EventType.None) {
                states.add(event.getState());
            }
        });
        return states.poll(PATIENCE_S, TimeUnit.SECONDS) == KeeperState.SyncConnected ? "OK" : "not connected";
    }

    /** What has commas between its items, or nothing. */
    static List<String> list(String word) {
        return word.equals("-") ? null : Arrays.asList(word.split(","));
    }

    static long version(String word) {
        return word.equals("-1") ? -1 : Long.parseUnsignedLong(word, 16);
    }

    static String told(byte[] config, Stat stat) {
        return "OK " + Long.toHexString(stat.getMzxid()) + " " + new String(config).replace('\n', ' ');
    }

    static DataCallback noted() {
        return (code, path, context, config, stat) ->
            answers.add(code == 0 ? told(config, stat) : Code.get(code).name());
    }

    static String config(boolean isWatched) throws Exception {
        Stat stat = new Stat();
        if (!isWatched) {
            return told(admin.getConfig(false, stat), stat);
        }
        return told(admin.getConfig(event -> {
            if (event.getType() != EventType.None) {
                changes.add(event);
            }
        }, stat), stat);
    }

    /** Has somebody read or write the configuration, and nobody else but the super user. */
    static String allow(String who, String what) throws Exception {
        int perms = what.equals("write") ? Perms.WRITE : Perms.READ;
        Id id = new Id("digest", DigestAuthenticationProvider.generateDigest(who));
        // The client asks whether there is a null in the list, which List.of takes ill.
        admin.setACL("/zookeeper/config", Arrays.asList(new ACL(perms, id)), -1);
        return "OK";
    }
}
