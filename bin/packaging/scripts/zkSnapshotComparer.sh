#!/bin/sh
# Tells in which subtrees two snapshots differ, of Paddocks or ZooKeepers.

here=$(readlink -f "$0") || here="$0"
ZOOBINDIR=$(cd "$(dirname "$here")" && pwd)
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

exec "$PADDOCK" toolkit compare "$@"
