#!/bin/sh
# The shell for people and scripts, as ZooKeeper has it.

here=$(readlink -f "$0") || here="$0"
ZOOBINDIR=$(cd "$(dirname "$here")" && pwd)
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

exec "$PADDOCK" shell --zkcli-args "$@"
