#!/bin/sh
# Removes old snapshots and logs: zkCleanup.sh [--config DIR] -n COUNT. A server does that by itself, unless its zoo.cfg has
# autopurge.purgeInterval=0.

here=$(readlink -f "$0") || here="$0"
ZOOBINDIR=$(cd "$(dirname "$here")" && pwd)
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

data_dir=$(setting dataDir)
log_dir=$(setting dataLogDir)
if [ -n "$data_dir" ]; then
  set -- "$data_dir" "$@"
fi
if [ -n "$log_dir" ]; then
  set -- "$log_dir" "$@"
fi
exec "$PADDOCK" toolkit cleanup "$@"
