#!/usr/bin/env bash
# Measures everything that is promised of a cluster, in full length, and prints it as a table.
#   measure.sh [PATTERN]      only the tests whose names match
# It takes about an hour on two cores. LOG=FILE keeps what the tests say. With network faults it takes root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
log=${LOG:-$(mktemp)}
status=0
CHRONIK_CLUSTER=full go test -count=1 -timeout 4h -v -run "${1:-.}" ./tests/cluster >"$log" 2>&1 || status=$?
grep -E '^\|' "$log" || true
grep -E '^ *--- (FAIL|SKIP)' "$log" || true
[ -n "${LOG:-}" ] || { [ "$status" -eq 0 ] && rm "$log"; } || echo "what the tests said: $log"
exit "$status"
