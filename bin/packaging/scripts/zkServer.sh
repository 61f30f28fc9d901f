#!/bin/sh
# Starts and stops a Paddock as the script of this name does a ZooKeeper: the same verbs, lines and exit codes. There is no JMX.
#
#   zkServer.sh [--config DIR] VERB [FILE]     FILE is a path, or a name in the directory of zoo.cfg
#
# Beyond ZooKeeper: `stop` waits until the process has ended, so that `restart` needs no pause; `upgrade` makes the state from
# the files of a ZooKeeper, as `paddock convert` does.

here=$(readlink -f "$0") || here="$0"
ZOOBINDIR=$(cd "$(dirname "$here")" && pwd)
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

# A process that has not ended so many seconds after SIGTERM is told of.
STOP_SECONDS=60

case "$2" in
  "") ;;
  */*) ZOOCFG="$2" ;;
  *) ZOOCFG="$ZOOCFGDIR/$2" ;;
esac
echo "Using config: $ZOOCFG" >&2

if [ -n "$JMXPORT" ]; then
  echo "JMXPORT is set, and there is no JMX here: the four-letter word mntr tells the figures" >&2
fi

autocreate=
if [ -n "$ZOO_DATADIR_AUTOCREATE_DISABLE" ]; then
  autocreate=-Dzookeeper.datadir.autocreate=false
fi

# shellcheck disable=SC3028 # a shell that sets no HOSTNAME has uname
out="$ZOO_LOG_DIR/zookeeper-${USER:-$(id -un)}-server-${HOSTNAME:-$(uname -n)}.out"

# Whether a directory was initialized, or has been served from, by a Paddock or a ZooKeeper.
has_data() {
  for entry in "$1"/version-2 "$1"/paddock-1 "$1"/paddock.generation*; do
    if [ -e "$entry" ]; then
      return 0
    fi
  done
  return 1
}

# Where directories are not to be made, one that is missing is a mistake.
check_directories() {
  if [ -z "$autocreate" ]; then
    return
  fi
  data_dir=$(setting dataDir)
  log_dir=$(setting dataLogDir)
  if ! has_data "$data_dir"; then
    echo "ZooKeeper data directory is missing at $data_dir fix the path or run initialize"
    exit 1
  fi
  if [ -n "$log_dir" ] && ! has_data "$log_dir"; then
    echo "ZooKeeper txnlog directory is missing at $log_dir fix the path or run initialize"
    exit 1
  fi
}

# Sets ZOOPIDFILE, in a directory that is there.
find_pid_file() {
  if [ -z "$ZOOPIDFILE" ]; then
    data_dir=$(setting dataDir)
    if [ -z "$data_dir" ]; then
      echo "$ZOOCFG names no dataDir, where the PID file would be; set ZOOPIDFILE" >&2
      return 1
    fi
    ZOOPIDFILE="$data_dir/zookeeper_server.pid"
  fi
  mkdir -p "$(dirname "$ZOOPIDFILE")"
}

# Whether the process of a number runs. One that has ended may still be there, where nobody asks how it has ended.
is_there() {
  kill -0 "$1" > /dev/null 2>&1 && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2> /dev/null
}

start_server() {
  check_directories
  printf 'Starting zookeeper ... '
  find_pid_file || exit 1
  if [ -f "$ZOOPIDFILE" ] && is_there "$(cat "$ZOOPIDFILE")"; then
    echo "already running as process $(cat "$ZOOPIDFILE")."
    exit 1
  fi
  # The server appends, so that logrotate may cut the file while it is written to.
  if ! mkdir -p "$ZOO_LOG_DIR" || ! true > "$out"; then
    echo "FAILED TO START"
    exit 1
  fi
  # shellcheck disable=SC2086 # it is one word or none
  nohup "$PADDOCK" serve $autocreate "$ZOOCFG" >> "$out" 2>&1 < /dev/null &
  pid=$!
  if ! printf %s "$pid" > "$ZOOPIDFILE"; then
    echo "FAILED TO WRITE PID"
    # Nobody could stop it.
    kill "$pid"
    exit 1
  fi
  sleep 1
  if ! is_there "$pid"; then
    rm -f "$ZOOPIDFILE"
    echo "FAILED TO START"
    tail -n 1 "$out" >&2
    exit 1
  fi
  echo STARTED
}

stop_server() {
  printf 'Stopping zookeeper ... '
  find_pid_file || return
  if [ ! -f "$ZOOPIDFILE" ]; then
    echo "no zookeeper to stop (could not find file $ZOOPIDFILE)"
    return
  fi
  pid=$(cat "$ZOOPIDFILE")
  kill "$pid"
  rm "$ZOOPIDFILE"
  seconds=0
  while is_there "$pid"; do
    if [ "$seconds" -ge "$STOP_SECONDS" ]; then
      echo "process $pid has not ended after $STOP_SECONDS s; kill -9 $pid loses nothing that was acknowledged" >&2
      break
    fi
    sleep 1
    seconds=$((seconds + 1))
  done
  echo STOPPED
}

print_command() {
  printf '"%s" serve' "$PADDOCK"
  if [ -n "$autocreate" ]; then
    printf ' %s' "$autocreate"
  fi
  printf ' "%s" >> "%s" 2>&1 < /dev/null\n' "$ZOOCFG" "$out"
}

case "$1" in
  start)
    start_server
    ;;
  start-foreground)
    check_directories
    if [ -n "$ZOO_NOEXEC" ]; then
      # shellcheck disable=SC2086 # it is one word or none
      "$PADDOCK" serve $autocreate "$ZOOCFG"
      exit
    fi
    # shellcheck disable=SC2086 # it is one word or none
    exec "$PADDOCK" serve $autocreate "$ZOOCFG"
    ;;
  stop)
    stop_server
    exit 0
    ;;
  restart)
    stop_server
    start_server
    ;;
  status)
    exec "$PADDOCK" status "$ZOOCFG"
    ;;
  version)
    exec "$PADDOCK" toolkit version
    ;;
  print-cmd)
    for name in SERVER_JVMFLAGS JVMFLAGS; do
      eval "flags=\$$name"
      # shellcheck disable=SC2154 # eval sets it
      if [ -n "$flags" ]; then
        printf '%s="%s" ' "$name" "$flags"
      fi
    done
    print_command
    ;;
  print-classpath)
    echo "CLASSPATH="
    ;;
  upgrade)
    exec "$PADDOCK" convert --from-zookeeper "$ZOOCFG"
    ;;
  *)
    echo "Usage: $0 [--config <conf-dir>] {start|start-foreground|stop|version|restart|status|print-cmd}" >&2
    ;;
esac
