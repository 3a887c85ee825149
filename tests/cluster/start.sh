#!/usr/bin/env bash
# Starts the nodes that do not run yet and returns when the cluster serves.
#   start.sh [--stagger SECONDS]   leaves that much time between two starts
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stagger=0
case $# in
  0) ;;
  2) [[ $1 == --stagger && $2 =~ ^[0-9]+([.][0-9]+)?$ ]] || fail "usage: start.sh [--stagger SECONDS]"
     stagger=$2 ;;
  *) fail "usage: start.sh [--stagger SECONDS]" ;;
esac

build
mkdir -p "$here/logs" "$here/pids" "$here/data"
missing=()
for n in "${nodes[@]}"; do
  if pid=$(pid_of "$n"); then say "node $n runs already (pid $pid)"; else missing+=("$n"); fi
done
if ((${#missing[@]} == ${#nodes[@]})); then # a start of the whole: the logs begin anew
  for n in "${nodes[@]}"; do
    if [[ -e $here/logs/node$n.log ]]; then mv -f "$here/logs/node$n.log" "$here/logs/earlier-node$n.log"; fi
  done
fi
for i in "${!missing[@]}"; do
  if ((i > 0)) && [[ $stagger != 0 ]]; then sleep "$stagger"; fi
  launch "${missing[i]}"
  say "node ${missing[i]} is starting (pid $(cat "$here/pids/node${missing[i]}.pid"))"
done
await_health
