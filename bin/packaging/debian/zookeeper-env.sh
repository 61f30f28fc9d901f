# Read by the scripts of ZooKeeper's names (zkServer.sh and others), not by the service, which has /etc/default/paddock.
ZOO_LOG_DIR="${ZOO_LOG_DIR:-/var/log/paddock}"
