import org.apache.zookeeper.server.NIOServerCnxnFactory;
import org.apache.zookeeper.server.ZooKeeperServer;
import org.apache.zookeeper.server.quorum.LeaderZooKeeperServer;

/** With this as zookeeper.serverCnxnFactory the epochs of a leader are as short as those of paddock-of-short-epochs. */
public class ShortEpochs extends NIOServerCnxnFactory {
    /** Comes when a leader begins to serve, and has given no zxid yet. */
    @Override
    public void setZooKeeperServer(ZooKeeperServer server) {
        if (server instanceof LeaderZooKeeperServer) {
            long epoch = server.getZxid() >> 32;
            if ((epoch & 0xffff) == 0 && epoch > 0) {
                server.setZxid((epoch << 32) + (1L << 32) - (epoch >> 16) - 1);
            }
        }
        super.setZooKeeperServer(server);
    }
}
