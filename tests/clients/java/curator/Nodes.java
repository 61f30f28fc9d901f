import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.zookeeper.CreateMode;

/** PersistentNode, PersistentTtlNode, GroupMember. */
final class Nodes {
    private static final long TTL_MS = 2000;

    private Nodes() {
    }

    static void run() throws Exception {
        persistentNode();
        ttlNode();
        group();
    }

    /** It comes back when somebody deletes it, and goes with its session. */
    private static void persistentNode() throws Exception {
        List<Curator.Participant> two = Curator.participants(2);
        CuratorFramework other = two.get(1).client;
        PersistentNode node =
            new PersistentNode(two.get(0).client, CreateMode.EPHEMERAL, false, "/nodes/kept", Curator.bytes("here"));
        BlockingQueue<String> created = new LinkedBlockingQueue<>();
        node.getListenable().addListener(created::add);
        node.start();
        Curator.check(node.waitForInitialCreate(Curator.PATIENCE_S, TimeUnit.SECONDS), "it was never created");
        Curator.check(Curator.next(created).equals("/nodes/kept"), node.getActualPath());
        other.delete().forPath("/nodes/kept");
        Curator.next(created);
        Curator.catchUp(other);
        Curator.check(Curator.text(other.getData().forPath("/nodes/kept")).equals("here"), "data");
        Curator.restart(two);
        Curator.catchUp(other);
        long owner = other.checkExists().forPath("/nodes/kept").getEphemeralOwner();
        Curator.check(owner == two.get(0).client.getZookeeperClient().getZooKeeper().getSessionId(), owner);
        other.delete().forPath("/nodes/kept");
        Curator.eventually("it is back", () -> other.checkExists().forPath("/nodes/kept") != null);
        node.close();
        Curator.catchUp(other);
        Curator.check(other.checkExists().forPath("/nodes/kept") == null, "it goes when it is closed");
        Curator.close(two);
        Curator.step("PersistentNode across a restart");
    }

    /** A container with a TTL child that is touched; when nobody touches it any more both go. */
    private static void ttlNode() throws Exception {
        List<Curator.Participant> two = Curator.participants(2);
        CuratorFramework other = two.get(1).client;
        PersistentTtlNode node = new PersistentTtlNode(two.get(0).client, "/ttl", TTL_MS, Curator.bytes("here"));
        node.start();
        Curator.check(node.waitForInitialCreate(Curator.PATIENCE_S, TimeUnit.SECONDS), "it was never created");
        Curator.eventually("a child that is touched", () -> other.checkExists().forPath("/ttl/touch") != null);
        Curator.check(Curator.text(other.getData().forPath("/ttl")).equals("here"), "data");
        int version = other.checkExists().forPath("/ttl/touch").getVersion();
        Curator.eventually("it is touched again",
            () -> other.checkExists().forPath("/ttl/touch").getVersion() > version + 1);
        node.close();
        Curator.close(two.subList(0, 1));
        Curator.eventually("the container is gone", () -> other.checkExists().forPath("/ttl") == null);
        Curator.close(two);
        Curator.step("PersistentTtlNode");
    }

    private static void group() throws Exception {
        List<Curator.Participant> all = Curator.participants(3);
        List<GroupMember> members = new ArrayList<>();
        for (Curator.Participant participant : all) {
            String id = "member " + members.size();
            GroupMember member = new GroupMember(participant.client, "/group", id, Curator.bytes(id + " says hello"));
            member.start();
            members.add(member);
        }
        for (GroupMember member : members) {
            Curator.eventually("all see all", () -> member.getCurrentMembers().size() == 3);
            String said = Curator.text(member.getCurrentMembers().get("member 1"));
            Curator.check(said.equals("member 1 says hello"), said);
        }
        Curator.restart(all);
        all.get(1).close();
        for (GroupMember member : List.of(members.get(0), members.get(2))) {
            Curator.eventually("one has left",
                () -> member.getCurrentMembers().keySet().equals(Set.of("member 0", "member 2")));
        }
        members.get(2).close();
        Curator.eventually("one is left", () -> members.get(0).getCurrentMembers().size() == 1);
        members.get(0).close();
        Curator.close(all);
        Curator.step("GroupMember across a restart");
    }
}
