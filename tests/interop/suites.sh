#!/usr/bin/env bash
# Client suites kept outside this repository, as far as they need no consumer groups and no transactions.
#   suites.sh SUITES_DIR BOOTSTRAP PYTHON WORK [SUITE]
# Each suite is narrowed to what a node without coordinators serves; what is left out is named by the patterns.
set -u
suites=$1 bootstrap=$2 python=$3 work=$4 only=${5:-}
export BOOTSTRAP=$bootstrap WORK=$work/suites TEST_S=150
passed=0 failed=0

tally() { # tally NAME LOG: adds a suite's last line to the count
  local line p f
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$2" | tail -1)
  read -r p _ f _ <<<"${line:-0 passed, 1 failed}"
  passed=$((passed + p)) failed=$((failed + f))
  echo "suite $1: ${line:-no result}"
  if [ "$f" -gt 0 ]; then grep -E '^FAIL' "$2" | cut -c1-300; fi
}

run() { # run NAME COMMAND...
  local name=$1
  shift
  if [ -n "$only" ] && [ "$only" != "$name" ]; then return; fi
  "$@" >"$work/logs/suite-$name.log" 2>&1
  tally "$name" "$work/logs/suite-$name.log"
}

kcat_suite() { # everything before the groups; the suite has no filter of its own
  mkdir -p "$work/kcat-suite"
  cp "$suites/lib.sh" "$work/kcat-suite/"
  sed '/^# Groups:/,/^check transaction-committed/d' "$suites/kcat.sh" >"$work/kcat-suite/kcat.sh"
  bash "$work/kcat-suite/kcat.sh"
}

kafka_python_suite() { # the check of topic configs reads the answer as kafka-python before 3 gave it
  CLIENTS=kafka_python PYTHON=$python ONLY='^(?!.*([Gg]roup|commit|two members|describe and alter))' bash "$suites/python.sh"
}

confluent_suite() { # its other checks read through a group
  CLIENTS=confluent_kafka PYTHON=$python \
    ONLY='^(cluster metadata|create|errors of|validate_only|describe and|watermarks|assign, seek|an out of range|partition EOF)' \
    bash "$suites/python.sh"
}

javascript_suite() { # its other checks read through a group
  ONLY='^(describe cluster|create, list|creating|a bad repl|an invalid|add part|topic configs|broker configs|the produce resp|a record above|topic offsets|metadata, create|offsets: earliest|disconnect|close)' \
    bash "$suites/kafkajs.sh"
}

franz_suite() (
  # shellcheck disable=SC1091
  . "$suites/lib.sh"
  WORK=$work/suites/franz
  mkdir -p "$WORK/logs"
  export KGO_SEEDS=$bootstrap KGO_TEST_RF=1 KGO_LOG_LEVEL=none KGO_TEST_RECORDS=20000
  go_suite "$suites/go-suites/franz" github.com/twmb/franz-go/pkg/kgo ""
  for test in TestPing TestClient_Produce TestClient_ProduceLargeMessages TestIssue769 TestIssue831 \
    TestIssueProduceBrokerTooOldFailsRecords TestIssueProduceSyncManualPartitionNegativeDoesNotPanic TestIssue325 \
    TestConsumeTopicRetrieval TestConsumeTopicRetrieval_Many TestIssue337 TestDirectPartitionPurge TestIssue434 \
    TestAddRemovePartitions TestPauseIssue489 TestPauseIssueOct2023 TestIssue648 TestIssue810 TestIssue865 \
    TestIssueFetchLargerThanBrokerMaxReadBytes TestPooling TestHookPollStart TestConsumeMaxDecompressBatchBytes; do
    go_run "$test" 90
  done
  finish
)

run kcat kcat_suite
run kafka-python kafka_python_suite
run confluent confluent_suite
run javascript javascript_suite
run franz franz_suite
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
