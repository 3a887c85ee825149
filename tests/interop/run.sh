#!/usr/bin/env bash
# Real clients against a real node: see README.md beside this file.
#   ONLY=franz,java   run these clients only        RECORDS=10000    records per client (100000)
#   BOOTSTRAP=h:p     take a node that runs         KEEP=1           leave nodes, data and logs
#   NODES=3           a cluster of three, for the groups and the suites; FULL=1 runs the suites at full length
#   SUITES=DIR        further client suites; by default those beside the repository, if there are any
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/chronik-interop.XXXXXX")
records=${RECORDS:-100000}
suites=${SUITES:-$root/../shared/suites}
nodes=${NODES:-1}
[ "$nodes" -gt 1 ] && ONLY=${ONLY:-groups,suites}
clients=${ONLY:-kcat,franz,sarama,kafkago,confluent,kafkapython,java,tools,kafkajs,transactions,dataset,suites,groups,exactly-once}
export PYTHONDONTWRITEBYTECODE=1 KAFKAJS_NO_PARTITIONER_WARNING=1 NODE_NO_WARNINGS=1
brokers=() lanes=() beside=() sudo=() bootstrap='' session=''
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
mkdir -p "$work/logs" "$work/results" "$work/lags" "$work/installed"

stop() {
  [ ${#brokers[@]} -gt 0 ] && kill "${brokers[@]}" 2>/dev/null && wait "${brokers[@]}" 2>/dev/null
  brokers=()
}
cleanup() {
  for lane in "${lanes[@]}" "${beside[@]}"; do kill "$lane" 2>/dev/null; done
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

install_go() { (cd "$here/go" && go build -o "$work/interop" .); }
install_checks() { (cd "$here/go" && go vet ./... && go test ./...); }
install_server() { (cd "$root" && CGO_ENABLED=0 go build -trimpath -o "$work/chronik-server" ./cmd/chronik-server); }

# install_system gets what the package manager of Debian and its kin has: kcat, and the runtimes and tools by
# which the other clients come. Only what is missing, all at once, since apt works for one at a time.
install_system() {
  local missing=()
  has() { command -v "$1" >/dev/null; }
  any_of kcat suites && ! has kcat && missing+=(kcat)
  any_of confluent kafkapython transactions suites groups exactly-once && ! python3 -c 'import ensurepip, venv' && missing+=(python3 python3-venv)
  any_of java tools transactions groups exactly-once && ! has javac && missing+=(default-jdk-headless)
  any_of java tools transactions groups exactly-once && ! has mvn && missing+=(maven)
  any_of kafkajs groups suites && ! has node && missing+=(nodejs)
  any_of kafkajs groups suites && ! has npm && missing+=(npm)
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing ${missing[*]}"
  has apt-get || { echo "there is no apt-get: install them by other means"; return 1; }
  "${sudo[@]}" apt-get update -qq &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
install_python() {
  python3 -m venv "$work/venv" && "$work/venv/bin/pip" install -q --disable-pip-version-check -r "$here/python/requirements.txt"
}
# The suites know kafka-python as it was before version 3. On a busy machine some members of 3.0.12 stop for good in a
# rebalance, waiting for a task of the client's own event loop, while the broker has answered all of their requests.
# Members of version 2 do not.
install_older() {
  "$work/venv/bin/pip" install -q --disable-pip-version-check --no-deps --target "$work/older" kafka-python==2.3.3
}
install_kafkatop() { "$work/venv/bin/pip" install -q --disable-pip-version-check kafkatop==1.16; }
install_java() {
  mvn -q -B -f "$here/java/pom.xml" -Dstyle.color=never -Dinterop.build="$work/java" compile \
    dependency:build-classpath -Dmdep.outputFile="$work/java/classpath"
}
install_kafkajs() {
  mkdir -p "$work/kafkajs"
  cp "$here"/kafkajs/*.mjs "$here"/kafkajs/package*.json "$here/kafkajs/.npmrc" "$work/kafkajs/"
  (cd "$work/kafkajs" && npm ci --no-audit --no-fund)
}

# install_programs makes what tests/txn runs: programs that take their arguments and know nothing of paths.
install_programs() {
  mkdir -p "$work/programs"
  program() {
    printf '#!/usr/bin/env bash\nexec%s "$@"\n' "$(printf ' %q' "${@:2}")" >"$work/programs/$1"
    chmod +x "$work/programs/$1"
  }
  local java=(java -Xshare:auto -XX:TieredStopAtLevel=1 -Xmx256m -cp "$(java_path)")
  program chain-java "${java[@]}" interop.Chain
  program count-words "${java[@]}" interop.WordCount
  program chain-librdkafka "$work/venv/bin/python" "$here/python/chain.py"
}

install() { # install NAME: a failure counts as one failed check
  if ! "install_$1" >"$work/logs/install-$1.log" 2>&1; then
    printf 'FAIL install %s\n' "$1"
    tail -5 "$work/logs/install-$1.log"
    echo "0 passed, 1 failed" >"$work/results/install-$1"
  fi
  touch "$work/installed/$1"
}

# installed NAME... waits until they are: who needs nothing else begins meanwhile. What is not there after ten minutes
# is missing, and says so by failing.
installed() {
  local name deadline=$((SECONDS + 600))
  for name in "$@"; do
    until [ -e "$work/installed/$name" ] || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.2; done
  done
}

# install_all returns when the nodes and the clients in Go can start; the rest goes on, two at a time, since
# downloads and compilers take turns on the cores.
install_all() {
  install system # gets what the others install with
  (any_of java tools transactions groups exactly-once && install java
   touch "$work/installed/java"
   install checks) &
  beside+=($!)
  (any_of confluent kafkapython transactions suites groups exactly-once && install python
   touch "$work/installed/python"
   any_of kafkajs groups && install kafkajs
   touch "$work/installed/kafkajs"
   any_of suites groups && install older
   touch "$work/installed/older"
   wanted groups && install kafkatop
   touch "$work/installed/kafkatop"
   wanted exactly-once && installed java && install programs
   touch "$work/installed/programs") &
  beside+=($!)
  install go # needed by everything else here
  [ -n "${BOOTSTRAP:-}" ] || [ "$clients" = exactly-once ] || install server
}

# --- the nodes ------------------------------------------------------------------------------------------------

# launch N ARGUMENTS... starts one in the background. Every new group waits for more members, and the clients make
# a hundred of them. In the newer protocol the broker says how often members send heartbeats, and how long it
# bears their silence.
launch() {
  local n=$1
  shift
  env CHRONIK_GROUPS_INITIAL_REBALANCE_DELAY=500ms CHRONIK_GROUPS_CONSUMER_HEARTBEAT_INTERVAL=500ms \
    CHRONIK_GROUPS_CONSUMER_SESSION_TIME="$session" CHRONIK_BIND_METRICS=127.0.0.1:0 \
    ${peers:+CHRONIK_CLUSTER_PEERS="$peers"} \
    "$work/chronik-server" start --data-dir "$work/data$n-$session" "$@" >"$work/logs/node$n-$session.log" 2>&1 &
  brokers+=($!)
}

# ready N waits until that node serves and adds its address to those of the others.
ready() {
  local address
  for _ in $(seq 300); do
    address=$(sed -nE '/chronik is ready/s/.*"kafka":"([^"]+)".*/\1/p' "$work/logs/node$1-$session.log")
    [ -n "$address" ] && { bootstrap=${bootstrap:+$bootstrap,}$address; return; }
    kill -0 "${brokers[-nodes + $1 - 1]}" 2>/dev/null || break
    sleep 0.1
  done
  echo "node $1 did not start:"
  cat "$work/logs/node$1-$session.log"
  echo "0 passed, 1 failed"
  exit 1
}

# start_nodes SESSION starts the nodes that bear the silence of members so long. What is started in the background
# from now on uses them.
start_nodes() {
  local n ports peers=''
  bootstrap=${BOOTSTRAP:-} data='' session=$1
  [ -n "$bootstrap" ] && return
  if [ "$nodes" -eq 1 ]; then
    data=$work/data1-$session
    launch 1 --bind 127.0.0.1:0
  else
    mapfile -t ports < <("$work/interop" ports $((3 * nodes)))
    for n in $(seq 0 $((nodes - 1))); do
      peers+=,127.0.0.1:${ports[3 * n]}:${ports[3 * n + 1]}:${ports[3 * n + 2]}
    done
    peers=${peers#,}
    for n in $(seq "$nodes"); do launch "$n" --node-id "$n" --bind 127.0.0.1; done
  fi
  for n in $(seq "$nodes"); do ready "$n"; done
  echo "nodes: $bootstrap, session time $session"
}

# --- the runs -------------------------------------------------------------------------------------------------

java_path() { echo "$work/java/classes:$(cat "$work/java/classpath")"; }
java_main() { java -Xshare:auto -cp "$(java_path)" interop.Main "$@"; }

own() { # own CLIENT
  case $1 in
    franz | sarama | kafkago) "$work/interop" own -client "$1" -bootstrap "$bootstrap" -records "$records" -digests "$here/digests.txt" ;;
    confluent | kafkapython) "$work/venv/bin/python" "$here/python/$1.py" own "$bootstrap" "$records" ;;
    java) java_main own "$bootstrap" "$records" "$here/digests.txt" ;;
    kafkajs) node "$work/kafkajs/kafkajs.mjs" own "$bootstrap" "$records" "$here/digests.txt" ;;
    kcat) bash "$here/kcat.sh" own "$bootstrap" "$records" "$work/interop" ;;
    tools) bash "$here/tools.sh" "$bootstrap" "$(java_path)" "$data" ;;
    transactions-franz) "$work/interop" transactions -client franz -bootstrap "$bootstrap" ;;
    transactions-confluent) "$work/venv/bin/python" "$here/python/transactions.py" "$bootstrap" ;;
    transactions-java) java_main transactions "$bootstrap" ;;
    dataset) "$work/interop" dataset -bootstrap "$bootstrap" ;;
  esac
}

# group CLIENT PROTOCOL: members in all languages, the order of events and the checks in one.
group() {
  local host=()
  case $1 in
    java) host=(java -Xshare:auto -XX:TieredStopAtLevel=1 -Xmx256m -cp "$(java_path)" interop.Host) ;;
    confluent) host=("$work/venv/bin/python" "$here/python/confluent_member.py" host) ;;
    kafkapython) host=(env PYTHONPATH="$work/older" "$work/venv/bin/python" "$here/python/kafkapython_member.py" host) ;;
    kafkajs) host=(node "$work/kafkajs/host.mjs") ;;
  esac
  "$work/interop" groups -client "$1" -protocol "$2" -bootstrap "$bootstrap" -replicas "$nodes" \
    -lags "$work/lags/$1-$2" "${host[@]}"
}

group_lane() { # group_lane CLIENT:PROTOCOL...: one after the other
  local run
  for run in "$@"; do
    record "groups-${run/:/-}" group "${run%:*}" "${run#*:}"
  done
}

# under_kills TEST: one that kills nodes of a cluster of its own, under clients that are installed here.
under_kills() {
  local output status
  output=$(cd "$root" && CHRONIK_TXN_PROGRAMS=$work/programs CHRONIK_TXN_TIME=${CHRONIK_TXN_TIME:-80s} \
    go test -timeout 0 -count=1 -v -run "$1" ./tests/txn 2>&1)
  status=$?
  echo "$output"
  if [ "$status" -eq 0 ] && grep -q -- '--- PASS' <<<"$output" && ! grep -q -- '--- SKIP' <<<"$output"; then
    echo "1 passed, 0 failed"
  else
    sed -nE 's/^ +([a-z_]+_test.go:)/FAIL \1/p' <<<"$output"
    echo "0 passed, 1 failed"
  fi
}

groups() {
  installed java python older kafkajs kafkatop
  group_lane java:classic franz:classic kafkajs:classic confluent:consumer sarama:classic confluent:classic \
    kafkapython:classic franz:consumer java:consumer
  record lag lag
}

lag() { # what the tools say that the groups have left
  "$work/interop" lag -bootstrap "$bootstrap" -kafkatop "$work/venv/bin/kafkatop" -lags "$(printf '%s,' "$work"/lags/* | sed 's/,$//')" \
    java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$(java_path)"
}

suite_lane() { # suite_lane SUITE...: one after the other
  local suite bootstrap=$patient
  installed python older kafkajs
  for suite in "$@"; do
    record "suite-$suite" env -u ONLY RF="$nodes" bash "$here/suites.sh" "$suites" "$bootstrap" "$work/venv/bin/python" "$work" "$suite"
  done
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
  grep -E '^(FAIL|dataset)' "$log"
  sed -nE 's/^FAIL .*\(.*see ([^)]*)\)$/\1/p' "$log" | xargs -r tail -n 15 # which is gone with the run
  echo "$line" >"$work/results/$name"
  printf '%-22s %s (%d s)\n' "$name" "$line" $((SECONDS - begun))
}

# needs CLIENT names what has to be installed for it.
needs() {
  case $1 in
    java | tools | *-java) echo java ;;
    confluent | kafkapython | *-confluent) echo python ;;
    kafkajs) echo kafkajs ;;
  esac
}

lane() { # lane CLIENT...: one after the other
  for client in "$@"; do
    wanted "${client%%-*}" || continue
    installed $(needs "$client")
    record "$client" own "$client"
  done
}

exactly_once() { # each on a cluster of its own
  installed programs
  record chain-java under_kills OtherClients/java
  record chain-librdkafka under_kills OtherClients/librdkafka
  record count-words under_kills EveryWord
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
  local passed failed broker
  read -r passed failed < <(cat "$work"/results/* | awk '{ p += $1; f += $3 } END { print p + 0, f + 0 }')
  for broker in "${brokers[@]}"; do # the nodes must have lived through it, and stop in order
    kill -0 "$broker" 2>/dev/null && passed=$((passed + 1)) || failed=$((failed + 1))
    [ -n "${KEEP:-}" ] || stop_in_order "$broker" || failed=$((failed + 1))
  done
  cat "$work"/logs/node[0-9]*.log 2>/dev/null | grep -E '"level":"(error|fatal|panic)"' | cut -c1-400
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

stop_in_order() {
  kill -TERM "$1" && wait "$1" && return 0
  echo "FAIL a node did not stop in order:"
  tail -qn 3 "$work"/logs/node[0-9]*.log
  return 1
}

# Most of what is done here is waiting: for members that are gone, for programs to start, for kills. So five lanes
# go side by side: two with the clients, one with the groups, one with the kills, and one with the suites. Those have
# nodes of their own: they have clients that stall, and the groups have members that crash.
install_all
echo "$records records per client"
patient=''
longer=() # what the chains do while connections die says nearly as much as what they do in peace
[ "$nodes" -eq 1 ] && [ -z "${FULL:-}" ] || longer=(franz-etl)
if wanted suites && [ -d "$suites" ]; then
  start_nodes 60s
  patient=$bootstrap
  suite_lane kafkajs platformatic &
  beside+=($!)
elif wanted suites; then
  echo "skipped: no client suites at $suites"
fi
(wanted exactly-once && exactly_once
 [ -n "$patient" ] && suite_lane franz) &
beside+=($!)
any_of kcat franz sarama kafkago confluent kafkapython java tools kafkajs transactions dataset groups && start_nodes 10s
(wanted groups && groups
 [ -n "$patient" ] && suite_lane franz-chaos "${longer[@]}") &
beside+=($!)
lane transactions-franz franz kcat dataset transactions-java java tools &
lanes+=($!)
lane sarama kafkago transactions-confluent kafkapython confluent kafkajs &
lanes+=($!)
wait "${lanes[@]}"
(cross_lane 0 franz java kcat confluent
 mapfile -t folded < <(folded_topics)
 [ ${#folded[@]} -gt 0 ] && record folded cross folded "${folded[@]}"
 [ -n "$patient" ] && suite_lane kafka-python kcat) &
lanes=($!)
(cross_lane 12 kafkapython kafkajs sarama kafkago
 [ -n "$patient" ] && suite_lane confluent watermill) &
lanes+=($!)
wait "${lanes[@]}" "${beside[@]}"
lanes=() beside=()
summary
