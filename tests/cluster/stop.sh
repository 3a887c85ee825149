#!/usr/bin/env bash
# Stops nodes in order and returns when they have ended.
#   stop.sh [N...]   all of them, or those that are named
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

for n in "$@"; do
  [[ $n =~ ^[1-3]$ ]] || fail "usage: stop.sh [1] [2] [3]"
done
stop "${@:-${nodes[@]}}"
say "stopped"
