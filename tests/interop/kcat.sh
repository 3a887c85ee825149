#!/usr/bin/env bash
# kcat through the run that every client gets; see README.md. kcat makes topics only by producing to them, with
# the broker's number of partitions, so the ones used here are made before.
#   kcat.sh own BOOTSTRAP RECORDS INTEROP      kcat.sh cross BOOTSTRAP INTEROP NAME,FROM,COUNT...
set -u
passed=0 failed=0
mode=$1 bootstrap=$2
shift 2

check() { # check NAME COMMAND...: a failing command prints why
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL kcat: %s\n%s\n' "$name" "$(printf '%s' "$output" | grep -vE '^[0-9]+ passed' | head -5)"
  fi
}

produce() { # produce NAME,FROM,COUNT CODEC
  local topic=${1%%,*} partition
  for partition in 0 1 2 3 4 5; do
    "$interop" lines -topic "$1" -partition "$partition" |
      kcat -P -b "$bootstrap" -t "$topic" -p "$partition" -z "$2" -K '\t' -Z -H h0=a -H h1=b -X linger.ms=5 -X enable.idempotence=true ||
      return 1
  done
}

consume() { # consume NAME,FROM,COUNT [-lines]
  timeout 120 kcat -C -q -b "$bootstrap" -t "${1%%,*}" -o beginning -e -f "$("$interop" format)" -X fetch.wait.max.ms=100 |
    "$interop" kcat -topic "$1" "${@:2}"
}

seek() { # seek TOPIC: the offset asked for is the first that comes
  test "$(kcat -C -q -b "$bootstrap" -t "$1" -p 0 -o 77 -c 1 -f '%o')" = 77
}

if [ "$mode" = own ]; then
  records=$1 interop=$2 from=0
  share=$((records / 5))
  for codec in none gzip snappy lz4 zstd; do
    topic=interop-kcat-$codec,$from,$share
    check "$codec: create topic" "$interop" create -bootstrap "$bootstrap" "interop-kcat-$codec"
    check "$codec: produce" produce "$topic" "$codec"
    check "$codec: consume" consume "$topic" -lines
    check "$codec: seek" seek "interop-kcat-$codec"
    from=$((from + share))
  done
else
  interop=$1
  shift
  for topic in "$@"; do
    check "$topic: consume" consume "$topic"
  done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
