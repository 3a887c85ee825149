#!/usr/bin/env bash
# One of the client suites kept outside this repository, whole.
#   suites.sh SUITES_DIR BOOTSTRAP PYTHON WORK SUITE      RF=3 for a cluster of three; FULL=1 for the full length
# A check that fails for a reason outside the broker is named here as known, with the reason. It runs nevertheless
# and counts as skipped if it fails; what no entry names has to pass.
set -u
suites=$1 work=$4 suite=$5
export BOOTSTRAP=$2 PYTHON=$3 WORK=$4/suites/$5 TEST_S=900
# The records through each chain of franz-go's: upstream's own number takes a quarter of an hour.
records=50000
[ -n "${FULL:-}" ] && records=500000

case $suite in
  kcat) bash "$suites/kcat.sh" ;;
  # The suite is written for kafka-python before 3, which gave the answers about configs and groups another shape.
  # That one never sends a request which wants no answer: it takes it for done and does not flush its socket.
  kafka-python) CLIENTS=kafka_python PYTHONPATH=$work/older KNOWN_FAIL='^produce with acks=0' bash "$suites/python.sh" ;;
  confluent) CLIENTS=confluent_kafka bash "$suites/python.sh" ;;
  # The suite asks for a broker with an authorizer here, which this one does not have and does not advertise.
  kafkajs) CLIENTS=kafkajs KNOWN_FAIL='^ACLs' bash "$suites/kafkajs.sh" ;;
  platformatic) CLIENTS=platformatic bash "$suites/kafkajs.sh" ;;
  watermill) bash "$suites/watermill.sh" ;;
  franz) PROFILE=quick bash "$suites/franz-kgo.sh" ;;
  # Chains of consumer groups, with and without transactions. In the second form all connections of those without
  # die every second.
  franz-etl) PROFILE=etl RECORDS=$records bash "$suites/franz-kgo.sh" ;;
  # Once in a few hundred chains a member of the newer protocol gets records a second time there, on a busy machine.
  # Whether the client or the broker is to blame is open, so such a run is shown, and fails if the next one does.
  franz-chaos)
    chaos() { PROFILE=etl RECORDS=$records CHAOS=1 bash "$suites/franz-kgo.sh"; }
    chaos || {
      tail -qn 20 "$WORK"/*/logs/TestGroupETL.log | sed 's/^/FAIL for the first time: /'
      chaos
    }
    ;;
  *) echo "there is no suite $suite"; exit 2 ;;
esac
