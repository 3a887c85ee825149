// Package cluster proves on clusters of real server processes what is said of them: how fast they form and
// fail over, that nothing acknowledged is lost whatever is killed, frozen, cut off or wiped, and what they
// cost at rest. Each test measures one line of a table and prints it beside its bound; measure.sh prints the
// whole table.
//
// The usual form of the tests is short. CHRONIK_CLUSTER=full makes them as long as the table says: twenty
// kills, ten minutes at rest, two gibibytes to copy. With -short, when tests of other packages use the same
// cores, durations are held to three times their bound, and a node may warn that it lost a peer or waited for
// its disk; what is counted is never relaxed.
//
// The tests with a broken network need namespaces, so root, and are skipped where there are none. The tests
// with a librdkafka client need kcat or confluent-kafka for Python (CHRONIK_PYTHON names the interpreter) and
// say so where there is none.
package cluster
