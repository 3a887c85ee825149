#!/usr/bin/env bash
# The official command-line tools, run by their main class.
#   tools.sh BOOTSTRAP CLASSPATH [DATA_DIR]      DATA_DIR, if the node's is at hand, lets the dump tool read its segments
set -u
bootstrap=$1 classpath=$2 data=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
topic=interop-tools

tool() { # tool CLASS ARGUMENTS...
  timeout 60 java -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$classpath" "org.apache.kafka.tools.$@"
}
topics() { tool TopicCommand --bootstrap-server "$bootstrap" "$@"; }
configs() { timeout 60 java -XX:TieredStopAtLevel=1 -cp "$classpath" kafka.admin.ConfigCommand --bootstrap-server "$bootstrap" "$@"; }

expect() { # expect NAME PATTERN COMMAND...: the output has a line that matches
  local name=$1 pattern=$2
  shift 2
  "$@" >"$work/out" 2>&1
  if grep -qE -- "$pattern" "$work/out"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL tools: %s: want %s, got\n' "$name" "$pattern"
    head -5 "$work/out"
  fi
}

same() { # same NAME FILE COMMAND...: the output is the file
  local name=$1 want=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  if cmp -s "$want" "$work/out"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL tools: %s: %s lines, want %s\n' "$name" "$(wc -l <"$work/out")" "$(wc -l <"$want")"
    head -5 "$work/err"
  fi
}

produce() {
  tool ConsoleProducer --bootstrap-server "$bootstrap" --topic "$topic" --compression-codec zstd \
    --reader-property parse.key=true --reader-property key.separator=: <"$work/lines"
}
consume() {
  tool consumer.ConsoleConsumer --bootstrap-server "$bootstrap" --topic "$topic" --partition 0 --offset "$1" \
    --max-messages "$2" --timeout-ms 30000 --formatter-property print.key=true --formatter-property key.separator=:
}
dump() {
  tool DumpLogSegments --deep-iteration --print-data-log --files "$data/topics/$topic-0/00000000000000000000.log" >"$work/dump" 2>&1
  sed -nE 's/.* key: (.*) payload: (.*)$/\1:\2/p' "$work/dump"
}
seq 1 20000 | sed 's/.*/key-&:the value of line & is &&&/' >"$work/lines"

expect "api versions" 'Produce\(0\): 0 to 1[0-9]' tool BrokerApiVersionsCommand --bootstrap-server "$bootstrap"
expect "cluster id" 'Cluster ID: .{22}' tool ClusterTool cluster-id --bootstrap-server "$bootstrap"
expect "create topic" "Created topic $topic" topics --create --topic "$topic" --partitions 1 --config retention.ms=123456789
expect "create it again" "already exists" topics --create --topic "$topic" --partitions 1
expect "describe topic" "Topic: $topic.*PartitionCount: 1.*ReplicationFactor: 1.*retention.ms=123456789" topics --describe --topic "$topic"
expect "list topics" "^$topic\$" topics --list
expect "console producer" '^produced$' eval 'produce && echo produced'
same "console consumer" "$work/lines" consume earliest 20000
tail -n 100 "$work/lines" >"$work/last"
same "console consumer from an offset" "$work/last" consume 19900 100
expect "get offsets" "^$topic:0:20000\$" tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic"
expect "get earliest offsets" "^$topic:0:0\$" tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic" --time earliest
expect "alter config" 'Completed updating config' configs --alter --entity-type topics --entity-name "$topic" --add-config segment.bytes=1048576
expect "describe config" 'segment.bytes=1048576' configs --describe --entity-type topics --entity-name "$topic"
expect "describe broker config" 'num.partitions=' configs --describe --entity-type brokers --entity-name "$(topics --describe --topic "$topic" | sed -nE 's/.*Leader: ([0-9]+).*/\1/p')" --all
expect "more partitions" 'PartitionCount: 3' eval 'topics --alter --topic "$topic" --partitions 3 && topics --describe --topic "$topic"'
expect "log directories" "\"partition\":\"$topic-0\"" tool LogDirsCommand --bootstrap-server "$bootstrap" --describe --topic-list "$topic"
printf '{"partitions":[{"topic":"%s","partition":0,"offset":15000}],"version":1}' "$topic" >"$work/delete.json"
if [ -n "$data" ]; then
  same "dump of the segment" "$work/lines" dump
  expect "dump of the batches" 'isvalid: true' cat "$work/dump"
fi
expect "delete records" 'low_watermark: 15000' tool DeleteRecordsCommand --bootstrap-server "$bootstrap" --offset-json-file "$work/delete.json"
expect "earliest offset afterwards" "^$topic:0:15000\$" tool GetOffsetShell --bootstrap-server "$bootstrap" --topic "$topic" --time earliest
expect "producer performance" '5000 records sent' tool ProducerPerformance --topic "$topic" --num-records 5000 --record-size 100 --throughput -1 --bootstrap-server "$bootstrap"
stamped() {
  topics --create --topic "$topic-stamped" --config message.timestamp.type=LogAppendTime &&
    echo hello | tool ConsoleProducer --bootstrap-server "$bootstrap" --topic "$topic-stamped" &&
    tool consumer.ConsoleConsumer --bootstrap-server "$bootstrap" --topic "$topic-stamped" --partition 0 --offset earliest \
      --max-messages 1 --timeout-ms 30000 --formatter-property print.timestamp=true
}
expect "log append time" '^LogAppendTime:[0-9]{13}.*hello' stamped
expect "delete topic" '^gone$' eval 'topics --delete --topic "$topic" && ! topics --list | grep -q "^$topic\$" && echo gone'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
