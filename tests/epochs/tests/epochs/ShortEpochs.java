import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import org.apache.zookeeper.server.NIOServerCnxn;
import org.apache.zookeeper.server.NIOServerCnxnFactory;
import org.apache.zookeeper.server.quorum.LeaderZooKeeperServer;

/**
 * With this as zookeeper.serverCnxnFactory the epochs of a leader are as short as those of paddock-of-short-epochs, from the
 * first connection of a client on.
 */
public class ShortEpochs extends NIOServerCnxnFactory {
    @Override
    protected NIOServerCnxn createConnection(SocketChannel channel, SelectionKey key, SelectorThread thread)
            throws IOException {
        if (zkServer instanceof LeaderZooKeeperServer) {
            shorten();
        }
        return super.createConnection(channel, key, thread);
    }

    private synchronized void shorten() {
        long start = zkServer.getZxid();
        long transactions = start >> 48;
        // Nothing has a zxid of the epoch yet.
        if (start == transactions << 48 && transactions > 0) {
            zkServer.setZxid(start + (1L << 32) - transactions - 1);
        }
    }
}
