// Package admin serves HTTP at the rim of the node: metrics, health, status and profiles.
//
//	actor     admin
//	parent    broker
//	children  none
//	owns      the HTTP listener and its server goroutine
//	on panic  stopped and rebuilt by the broker with growing back-off; clients of Kafka notice nothing
//	loses     HTTP requests under way
//	mailbox   one by one
//	blocks    no; requests are answered on the server's own goroutines from immutable values and counters,
//	          and only changes wait there, for 20 s at most
//	receives  served, reopen (private)
//	sends     Opened or Failed to Options.Owner
//
// # What is served
//
//	GET /metrics        Prometheus
//	GET /healthz        200 while the process serves at all
//	GET /readyz         200 when Kafka clients are served, else 503 and the reason
//	GET /admin/health   the same as JSON
//	GET /admin/status   what the node is and has, the cluster as it sees it, and what is wrong, as JSON
//	GET /admin/tree     the live supervision tree: state, mailbox, rate, age, restarts and last failure of each
//	                    actor, as JSON
//	GET /debug/pprof/   profiles, when switched on
//
//	POST /admin/add-node      {"node_id": 4, "kafka_addr": "d:9092", "raft_addr": "d:5001"}
//	POST /admin/remove-node   {"node_id": 4, "force": false}; 202 until its replicas have moved: ask again
//	POST /admin/rebalance     spreads replicas and leaders evenly
//
// On a node with admin.faults, which is for tests, actors are made to fail and clocks to jump:
//
//	POST /admin/faults        {"path": "broker/raft/group-*", "message": "group.Propose", "nth": 3, "point":
//	                          "middle", "do": "panic"}; kit.Fault says what is possible
//	GET /admin/faults         those that are armed, with what they have done
//	DELETE /admin/faults      disarms all and ends their stalls
//	POST /admin/clock         {"jump_ms": 5400000} sets the clock of all actors forward, a negative one back
//
// Any node takes these calls. The answer is {"success": true, "message": "..."}, with the status 200 for
// done, 202 for under way, 400 for a wrong request, 409 for what is not possible and why, 504 for no answer
// in time.
//
// A call below /admin/ that changes something carries the configured key in the header X-API-Key; when no
// key is configured it is taken from loopback only. The rule stands in front of every path, so that a call
// added later cannot forget it.
//
// # What it refuses to be
//
// It knows no Kafka protocol and asks no actor: what it shows and changes is handed to it as functions that
// any goroutine may call. It is imported by actors/broker and cmd.
package admin
