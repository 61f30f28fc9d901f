#!/bin/sh
# Makes the directories of a server that never had any data: zkServer-initialize.sh [--config DIR] [--help] [OPTIONS]

here=$(readlink -f "$0") || here="$0"
ZOOBINDIR=$(cd "$(dirname "$here")" && pwd)
if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
  # shellcheck source=zkEnv.sh
  . "$ZOOBINDIR/zkEnv.sh"
fi

exec "$PADDOCK" toolkit initialize --configfile="$ZOOCFG" "$@"
