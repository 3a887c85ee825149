#!/usr/bin/env bash
# What the scripts of this folder share: where things are, and which processes are theirs. It is sourced.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
server=$root/bin/chronik-server
nodes=(1 2 3)
patience=60 # seconds, for a start and for a stop

say() { echo "$*"; }
fail() { echo "$(basename "$0"): $*" >&2; exit 1; }

# pid_of N prints the process id of node N if it runs. A process id alone proves nothing, since the system
# gives it out again: the command line has to be that of this node, of this folder.
pid_of() {
  local pid=
  read -r pid 2>/dev/null <"$here/pids/node$1.pid" || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  [[ $(ps -ww -o args= -p "$pid" 2>/dev/null) == "$server start --config $here/node$1.toml" ]] || return 1
  echo "$pid"
}

# build makes the binary, which costs next to nothing when it is up to date.
build() {
  if command -v go >/dev/null; then
    (cd "$root" && CGO_ENABLED=0 go build -trimpath -o bin/chronik-server ./cmd/chronik-server)
  elif [[ ! -x $server ]]; then
    fail "there is no $server, and no Go to build it"
  fi
}

# launch N starts node N and keeps its process id. It gets a session of its own, so that what ends the
# script or its terminal does not end the node.
launch() {
  local detach=()
  if command -v setsid >/dev/null; then detach=(setsid); fi
  (
    cd "$root"
    # These would make all three nodes the same one.
    unset CHRONIK_CONFIG CHRONIK_ENABLED CHRONIK_NODE_ID CHRONIK_DATA_DIR CHRONIK_CLUSTER_PEERS CHRONIK_RACK \
      CHRONIK_BIND CHRONIK_BIND_ADDR CHRONIK_BIND_RAFT CHRONIK_BIND_METRICS \
      CHRONIK_ADVERTISE CHRONIK_ADVERTISED_ADDR CHRONIK_ADVERTISED_PORT CHRONIK_ADVERTISE_RAFT
    exec ${detach[@]+"${detach[@]}"} "$server" start --config "$here/node$1.toml"
  ) </dev/null >>"$here/logs/node$1.log" 2>&1 &
  echo $! >"$here/pids/node$1.pid"
}

# await_health returns when each node says that it serves and that nothing is wrong, and prints how node 1
# sees the cluster.
await_health() {
  local deadline=$((SECONDS + patience)) shown n
  for n in "${nodes[@]}"; do
    until shown=$("$server" cluster status --config "$here/node$n.toml" --wait 1s 2>&1); do
      if ! pid_of "$n" >/dev/null; then
        tail -n 5 "$here/logs/node$n.log" >&2
        fail "node $n has ended; the end of its log is above"
      fi
      if ((SECONDS >= deadline)); then
        echo "$shown" >&2
        fail "the cluster is not well after $patience seconds; that is how node $n sees it"
      fi
    done
    if [[ $n == 1 ]]; then local first=$shown; fi
  done
  echo "$first"
}

# stop N... asks nodes to stop and returns when they have. Nodes that do not run are none of its business.
stop() {
  local deadline=$((SECONDS + patience)) n pid
  for n in "$@"; do
    if pid=$(pid_of "$n"); then kill -TERM "$pid"; fi
  done
  for n in "$@"; do
    while pid=$(pid_of "$n"); do
      if ((SECONDS >= deadline)); then
        kill -KILL "$pid"
        fail "node $n did not stop within $patience seconds and was killed; see $here/logs/node$n.log"
      fi
      sleep 0.05
    done
    rm -f "$here/pids/node$n.pid"
  done
}
