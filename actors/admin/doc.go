// Package admin serves HTTP at the rim of the node: metrics, health, status and profiles.
//
//	actor     admin
//	parent    broker
//	children  none
//	owns      the HTTP listener and its server goroutine
//	on panic  stopped and rebuilt by the broker with growing back-off; clients of Kafka notice nothing
//	loses     HTTP requests under way
//	mailbox   one by one
//	blocks    no; requests are answered on the server's own goroutines from immutable values and counters
//	receives  served, reopen (private)
//	sends     Opened or Failed to Options.Owner
//
// # What is served
//
//	GET /metrics        Prometheus
//	GET /healthz        200 while the process serves at all
//	GET /readyz         200 when Kafka clients are served, else 503 and the reason
//	GET /admin/health   the same as JSON
//	GET /admin/status   what the node is and has, as JSON
//	GET /debug/pprof/   profiles, when switched on
//
// A call below /admin/ that changes something carries the configured key in the header X-API-Key; when no
// key is configured it is taken from loopback only. The rule stands in front of every path, so that a call
// added later cannot forget it.
//
// # What it refuses to be
//
// It knows no Kafka protocol and asks no actor: what it shows is handed to it as functions that any
// goroutine may call. It is imported by actors/broker and cmd.
package admin
