#!/usr/bin/env bash
# Real clients against a real node: see README.md beside this file.
#   ONLY=franz,java   run these clients only        RECORDS=10000    records per client (100000)
#   BOOTSTRAP=h:p     take a node that runs         KEEP=1           leave node, data and logs
#   SUITES=DIR        further client suites; by default those beside the repository, if there are any
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/chronik-interop.XXXXXX")
records=${RECORDS:-100000}
suites=${SUITES:-$root/../shared/suites}
clients=${ONLY:-kcat,franz,sarama,kafkago,confluent,kafkapython,java,tools,kafkajs,dataset,suites}
export PYTHONDONTWRITEBYTECODE=1 KAFKAJS_NO_PARTITIONER_WARNING=1 NODE_NO_WARNINGS=1
broker='' lanes=()
mkdir -p "$work/logs" "$work/results"

stop() {
  [ -n "$broker" ] && kill "$broker" 2>/dev/null && wait "$broker" 2>/dev/null
  broker=''
}
cleanup() {
  for lane in "${lanes[@]}"; do kill "$lane" 2>/dev/null; done
  if [ -n "${KEEP:-}" ]; then
    echo "kept: $work, node ${bootstrap:-none}"
  else
    stop
    rm -rf "$work"
  fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

wanted() { [[ ",$clients," == *",$1,"* ]]; }
any_of() { for one in "$@"; do wanted "$one" && return 0; done; return 1; }

# --- installing -----------------------------------------------------------------------------------------------

install_go() { (cd "$here/go" && go vet ./... && go build -o "$work/interop" .); }
install_server() { (cd "$root" && CGO_ENABLED=0 go build -trimpath -o "$work/chronik-server" ./cmd/chronik-server); }

# install_system gets what the package manager of Debian and its kin has: kcat, and the runtimes and tools by
# which the other clients come. Only what is missing, all at once, since apt works for one at a time.
install_system() {
  local missing=() root=()
  has() { command -v "$1" >/dev/null; }
  any_of kcat suites && ! has kcat && missing+=(kcat)
  any_of confluent kafkapython suites && ! python3 -c 'import ensurepip, venv' && missing+=(python3 python3-venv)
  any_of java tools && ! has javac && missing+=(default-jdk-headless)
  any_of java tools && ! has mvn && missing+=(maven)
  wanted kafkajs && ! has node && missing+=(nodejs)
  wanted kafkajs && ! has npm && missing+=(npm)
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing ${missing[*]}"
  has apt-get || { echo "there is no apt-get: install them by other means"; return 1; }
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
install_python() {
  python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q --disable-pip-version-check -r "$here/python/requirements.txt"
}
install_java() {
  mvn -q -B -f "$here/java/pom.xml" -Dstyle.color=never -Dinterop.build="$work/java" compile \
    dependency:build-classpath -Dmdep.outputFile="$work/java/classpath"
}
install_kafkajs() {
  mkdir -p "$work/kafkajs"
  cp "$here"/kafkajs/*.mjs "$here"/kafkajs/package*.json "$here/kafkajs/.npmrc" "$work/kafkajs/"
  (cd "$work/kafkajs" && npm ci --no-audit --no-fund)
}

install() { # install NAME: a failure counts as one failed check
  if ! "install_$1" >"$work/logs/install-$1.log" 2>&1; then
    printf 'FAIL install %s\n' "$1"
    tail -5 "$work/logs/install-$1.log"
    echo "0 passed, 1 failed" >"$work/results/install-$1"
  fi
}

install_all() {
  install system # gets what the others install with
  install go # needed by everything else here
  # Two at a time: downloads and compilers take turns on the cores.
  (any_of java tools && install java) &
  (any_of confluent kafkapython suites && install python; wanted kafkajs && install kafkajs) &
  wait
}

# --- the node -------------------------------------------------------------------------------------------------

start_node() {
  [ -n "${BOOTSTRAP:-}" ] && { bootstrap=$BOOTSTRAP; data=''; return; }
  install server
  data=$work/data
  CHRONIK_BIND_METRICS=127.0.0.1:0 "$work/chronik-server" start --data-dir "$data" --bind 127.0.0.1:0 \
    >"$work/logs/node.log" 2>&1 &
  broker=$!
  for _ in $(seq 100); do
    bootstrap=$(sed -nE '/chronik is ready/s/.*"kafka":"([^"]+)".*/\1/p' "$work/logs/node.log")
    [ -n "$bootstrap" ] && return
    kill -0 "$broker" 2>/dev/null || break
    sleep 0.1
  done
  echo "the node did not start:"
  cat "$work/logs/node.log"
  echo "0 passed, 1 failed"
  exit 1
}

# --- the runs -------------------------------------------------------------------------------------------------

java_main() { java -Xshare:auto -cp "$work/java/classes:$(cat "$work/java/classpath")" interop.Main "$@"; }

own() { # own CLIENT
  case $1 in
    franz | sarama | kafkago) "$work/interop" own -client "$1" -bootstrap "$bootstrap" -records "$records" -digests "$here/digests.txt" ;;
    confluent | kafkapython) "$work/venv/bin/python" "$here/python/$1.py" own "$bootstrap" "$records" ;;
    java) java_main own "$bootstrap" "$records" "$here/digests.txt" ;;
    kafkajs) node "$work/kafkajs/kafkajs.mjs" own "$bootstrap" "$records" "$here/digests.txt" ;;
    kcat) bash "$here/kcat.sh" own "$bootstrap" "$records" "$work/interop" ;;
    tools) bash "$here/tools.sh" "$bootstrap" "$work/java/classes:$(cat "$work/java/classpath")" "$data" ;;
    dataset) "$work/interop" dataset -bootstrap "$bootstrap" ;;
    suites) all_suites ;;
  esac
}

all_suites() {
  if [ -d "$suites" ]; then
    bash "$here/suites.sh" "$suites" "$bootstrap" "$work/venv/bin/python" "$work"
  else
    echo "skipped: no client suites at $suites" >&2
    echo "0 passed, 0 failed, 1 skipped"
  fi
}

cross() { # cross CLIENT TOPICS...: read what others wrote
  local client=$1
  shift
  case $client in
    franz | sarama | kafkago) "$work/interop" cross -client "$client" -bootstrap "$bootstrap" "$@" ;;
    confluent | kafkapython) "$work/venv/bin/python" "$here/python/$client.py" cross "$bootstrap" "$@" ;;
    java) java_main cross "$bootstrap" "$@" ;;
    kafkajs) node "$work/kafkajs/kafkajs.mjs" cross "$bootstrap" "$@" ;;
    kcat) bash "$here/kcat.sh" cross "$bootstrap" "$work/interop" "$@" ;;
    folded) "$work/interop" cross -fold -bootstrap "$bootstrap" "$@" ;;
  esac
}

record() { # record NAME COMMAND...: keeps the log and the closing line, prints what failed
  local name=$1 log=$work/logs/$1.log begun=$SECONDS line
  shift
  "$@" >"$log" 2>&1
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
  if [ -z "$line" ]; then
    line='0 passed, 1 failed'
    tail -5 "$log"
  fi
  grep -E '^(FAIL|skipped|dataset|suite )' "$log"
  echo "$line" >"$work/results/$name"
  printf '%-22s %s (%d s)\n' "$name" "$line" $((SECONDS - begun))
}

lane() { # lane CLIENT...: one after the other
  for client in "$@"; do
    wanted "$client" && record "$client" own "$client"
  done
}

# others CLIENT N SKIP: N topics that others wrote, spread from the SKIPth on, of codecs that the client can read.
others() {
  local pattern='.'
  [ "$1" = kafkajs ] && pattern='-(none|gzip|snappy),'
  cat "$work"/logs/*.log | sed -nE 's/^topic //p' | sort -u | grep -v "^interop-$1-" | grep -E -- "$pattern" |
    awk -v skip="$3" -v want="$2" '{ line[NR] = $0 } END { for (i = 0; i < want && i < NR; i++) print line[(skip + i * 7) % NR + 1] }'
}

cross_lane() { # cross_lane OFFSET CLIENT...
  local offset=$1 topics
  shift
  for client in "$@"; do
    wanted "$client" || continue
    mapfile -t topics < <(others "$client" 3 "$offset")
    offset=$((offset + 3))
    [ ${#topics[@]} -gt 0 ] && record "$client-reads-others" cross "$client" "${topics[@]}"
  done
}

folded_topics() { cat "$work"/logs/*.log | sed -nE 's/^folded //p' | sort -u; }

summary() {
  local passed failed
  read -r passed failed < <(cat "$work"/results/* | awk '{ p += $1; f += $3 } END { print p + 0, f + 0 }')
  if [ -n "$broker" ]; then # the node must have lived through it, and stop in order
    kill -0 "$broker" 2>/dev/null && passed=$((passed + 1)) || failed=$((failed + 1))
    [ -n "${KEEP:-}" ] || stop_in_order || failed=$((failed + 1))
    grep -E '"level":"(error|fatal|panic)"' "$work/logs/node.log" | cut -c1-400
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

stop_in_order() {
  kill -TERM "$broker" && wait "$broker" && broker='' && return 0
  echo "FAIL the node did not stop in order:"
  tail -3 "$work/logs/node.log"
  broker=''
  return 1
}

install_all
start_node
echo "node: $bootstrap, $records records per client"
lane franz java tools kcat confluent &
lanes+=($!)
lane kafkapython kafkajs sarama kafkago suites dataset &
lanes+=($!)
wait "${lanes[@]}"
cross_lane 0 franz java kcat confluent &
lanes=($!)
cross_lane 12 kafkapython kafkajs sarama kafkago &
lanes+=($!)
wait "${lanes[@]}"
lanes=()
mapfile -t folded < <(folded_topics)
[ ${#folded[@]} -gt 0 ] && record folded cross folded "${folded[@]}"
summary
