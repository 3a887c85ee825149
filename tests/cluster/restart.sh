#!/usr/bin/env bash
# Stops all nodes and starts them again.
#   restart.sh             all at once
#   restart.sh --rolling   one after the other, the next when the cluster is well again; clients go on
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case "$*" in
  "")
    "$here/stop.sh"
    exec "$here/start.sh" ;;
  --rolling)
    build
    for n in "${nodes[@]}"; do
      pid_of "$n" >/dev/null || fail "node $n does not run; start.sh starts it"
    done
    for n in "${nodes[@]}"; do
      stop "$n"
      launch "$n"
      say "node $n is starting again (pid $(cat "$here/pids/node$n.pid"))"
      status=$(await_health)
    done
    say "$status" ;;
  *) fail "usage: restart.sh [--rolling]" ;;
esac
