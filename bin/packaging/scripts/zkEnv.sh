# shellcheck shell=sh
# Read by the other scripts: where the configuration, the logs and the program are. Plain sh, and so must be what it reads.
#
# in    ZOOBINDIR, where the scripts are; the arguments, of which `--config DIR` is taken off; what operators set:
#       ZOOCFGDIR, ZOOCFG, ZOO_LOG_DIR, PADDOCK, and in zookeeper-env.sh or java.env beside zoo.cfg all of these and more
# out   ZOOCFGDIR, ZOOCFG (with its directory), ZOO_LOG_DIR, PADDOCK (the program), and `setting`

ZOOBINDIR="${ZOOBINDIR:-/usr/bin}"
ZOOKEEPER_PREFIX="$ZOOBINDIR/.."

if [ $# -gt 1 ] && [ "$1" = --config ]; then
  ZOOCFGDIR="$2"
  shift 2
fi

if [ -z "$ZOOCFGDIR" ]; then
  if [ -e "$ZOOKEEPER_PREFIX/conf" ]; then
    ZOOCFGDIR="$ZOOKEEPER_PREFIX/conf"
  elif [ ! -e "$ZOOKEEPER_PREFIX/etc/zookeeper" ] && [ -e /etc/paddock ]; then
    ZOOCFGDIR=/etc/paddock
  else
    ZOOCFGDIR="$ZOOKEEPER_PREFIX/etc/zookeeper"
  fi
fi

if [ -f "$ZOOCFGDIR/zookeeper-env.sh" ]; then
  # shellcheck source=/dev/null
  . "$ZOOCFGDIR/zookeeper-env.sh"
fi

case "${ZOOCFG:=zoo.cfg}" in
  /*) ;;
  *) ZOOCFG="$ZOOCFGDIR/$ZOOCFG" ;;
esac

if [ -f "$ZOOCFGDIR/java.env" ]; then
  # shellcheck source=/dev/null
  . "$ZOOCFGDIR/java.env"
fi

ZOO_LOG_DIR="${ZOO_LOG_DIR:-$ZOOKEEPER_PREFIX/logs}"

# The program reads the -D of these itself, and passes over what concerns a JVM.
export SERVER_JVMFLAGS CLIENT_JVMFLAGS JVMFLAGS

if [ -z "$PADDOCK" ]; then
  if [ -x "$ZOOBINDIR/paddock" ]; then
    PADDOCK="$ZOOBINDIR/paddock"
  elif ! PADDOCK=$(command -v paddock); then
    echo "Error: paddock is neither in $ZOOBINDIR nor on the PATH; set PADDOCK to where it is." >&2
    exit 1
  fi
fi

# What zoo.cfg says of a key; of two lines with one key the last counts. Backslashes are not understood here.
setting() {
  sed -n "s/^[[:space:]]*$1[[:space:]]*[=:][[:space:]]*//p" "$ZOOCFG" 2>/dev/null | sed 's/[[:space:]]*$//' | tail -n 1
}
