#!/bin/sh
# Begins a container as that of ZooKeeper's image does: zoo.cfg and myid are written where they are not there, by the variables of
# that image, and the command takes this process's place. As root it becomes the user zookeeper first.
set -e

if [ "$1" = zkServer.sh ] && [ "$(id -u)" = 0 ]; then
  chown -R zookeeper "$ZOO_DATA_DIR" "$ZOO_DATA_LOG_DIR" "$ZOO_LOG_DIR" "$ZOO_CONF_DIR"
  exec setpriv --reuid=zookeeper --regid=zookeeper --init-groups "$0" "$@"
fi

# The lines of zoo.cfg. Server lines, and what else is to be set, have blanks between them.
lines() {
  echo "dataDir=$ZOO_DATA_DIR"
  echo "dataLogDir=$ZOO_DATA_LOG_DIR"
  echo "tickTime=$ZOO_TICK_TIME"
  echo "initLimit=$ZOO_INIT_LIMIT"
  echo "syncLimit=$ZOO_SYNC_LIMIT"
  echo "autopurge.snapRetainCount=$ZOO_AUTOPURGE_SNAPRETAINCOUNT"
  echo "autopurge.purgeInterval=$ZOO_AUTOPURGE_PURGEINTERVAL"
  echo "maxClientCnxns=$ZOO_MAX_CLIENT_CNXNS"
  echo "standaloneEnabled=$ZOO_STANDALONE_ENABLED"
  echo "admin.enableServer=$ZOO_ADMINSERVER_ENABLED"
  set -f
  for server in ${ZOO_SERVERS:-server.1=localhost:2888:3888;2181}; do
    echo "$server"
  done
  if [ -n "$ZOO_4LW_COMMANDS_WHITELIST" ]; then
    echo "4lw.commands.whitelist=$ZOO_4LW_COMMANDS_WHITELIST"
  fi
  for line in $ZOO_CFG_EXTRA; do
    echo "$line"
  done
}

if [ ! -f "$ZOO_CONF_DIR/zoo.cfg" ]; then
  # Half a file would be taken for a whole one by the next start.
  lines > "$ZOO_CONF_DIR/zoo.cfg.new"
  mv "$ZOO_CONF_DIR/zoo.cfg.new" "$ZOO_CONF_DIR/zoo.cfg"
fi

if [ ! -f "$ZOO_DATA_DIR/myid" ]; then
  echo "${ZOO_MY_ID:-1}" > "$ZOO_DATA_DIR/myid"
fi

exec "$@"
