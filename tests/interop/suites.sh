#!/usr/bin/env bash
# One of the client suites kept outside this repository, whole.
#   suites.sh SUITES_DIR BOOTSTRAP PYTHON WORK SUITE
# A check that fails for a reason outside the broker is named here, with the reason.
set -u
suites=$1 work=$4 suite=$5
export BOOTSTRAP=$2 PYTHON=$3 WORK=$4/suites TEST_S=300

case $suite in
  kcat) bash "$suites/kcat.sh" ;;
  # The suite is written for kafka-python before 3, which gave the answers about configs and groups another shape.
  # That one never sends a request which wants no answer: it takes it for done and does not flush its socket.
  kafka-python) CLIENTS=kafka_python PYTHONPATH=$work/older ONLY='^(?!produce with acks=0)' bash "$suites/python.sh" ;;
  confluent) CLIENTS=confluent_kafka bash "$suites/python.sh" ;;
  # The check of ACLs needs an authorizer, which the node does not have.
  kafkajs) CLIENTS=kafkajs ONLY='^(?!ACLs)' bash "$suites/kafkajs.sh" ;;
  platformatic) CLIENTS=platformatic bash "$suites/kafkajs.sh" ;;
  watermill) bash "$suites/watermill.sh" ;;
  franz) PROFILE=quick bash "$suites/franz-kgo.sh" ;;
  franz-etl) PROFILE=etl RECORDS=${ETL_RECORDS:-50000} bash "$suites/franz-kgo.sh" ;;
  *) echo "there is no suite $suite"; exit 2 ;;
esac
