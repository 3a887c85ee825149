package admin

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health is what GET /admin/health shows.
type health struct {
	Status string `json:"status"` // "healthy" or "starting"
	NodeID int32  `json:"node_id"`
	Reason string `json:"reason,omitempty"`
}

// APIKeyHeader carries the configured key in calls that change something.
const APIKeyHeader = "X-API-Key"

// newHandler returns the whole of what is served.
func newHandler(options Options) http.Handler {
	mux := http.NewServeMux()
	scrapes := promhttp.HandlerOpts{MaxRequestsInFlight: 4}
	mux.HandleFunc("GET /{$}", index(options.Pprof))
	mux.Handle("GET /metrics", promhttp.HandlerFor(options.Gatherer, scrapes))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", readyz(options.Ready))
	mux.HandleFunc("GET /admin/health", adminHealth(options))
	mux.HandleFunc("GET /admin/status", adminStatus(options))
	if options.Tree != nil {
		mux.HandleFunc("GET /admin/tree", adminTree(options))
	}
	if options.Faults != nil {
		mux.HandleFunc("GET /admin/faults", listFaults(options.Faults))
		mux.HandleFunc("POST /admin/faults", addFault(options.Faults))
		mux.HandleFunc("DELETE /admin/faults", clearFaults(options.Faults))
	}
	if options.Clock != nil {
		mux.HandleFunc("POST /admin/clock", jumpClock(options.Clock))
	}
	if options.Change != nil {
		mux.HandleFunc("POST /admin/add-node", addNode(options.Change))
		mux.HandleFunc("POST /admin/remove-node", removeNode(options.Change))
		mux.HandleFunc("POST /admin/rebalance", rebalance(options.Change))
	}
	if options.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	// A page in a browser on this machine must not speak for whoever looks at it.
	return guard(options.APIKey, http.NewCrossOriginProtection().Handler(mux))
}

func index(profiles bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "chronik\n\n/metrics\n/healthz\n/readyz\n/admin/health\n/admin/status\n/admin/tree\n")
		if profiles {
			fmt.Fprintln(w, "/debug/pprof/")
		}
	}
}

func readyz(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	}
}

func adminHealth(options Options) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer, status := health{Status: "healthy", NodeID: options.Status().NodeID}, http.StatusOK
		if err := options.Ready(); err != nil {
			answer.Status, answer.Reason, status = "starting", err.Error(), http.StatusServiceUnavailable
		}
		writeJSON(w, status, answer)
	}
}

func adminStatus(options Options) http.HandlerFunc {
	build := ReadBuild()
	return func(w http.ResponseWriter, _ *http.Request) {
		answer := options.Status()
		answer.Build, answer.Ready = build, true
		if err := options.Ready(); err != nil {
			answer.Ready, answer.NotReady = false, err.Error()
		}
		if options.Cluster != nil {
			answer.ClusterStatus = options.Cluster()
		}
		answer.Problems = answer.findProblems()
		writeJSON(w, http.StatusOK, answer)
	}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(value) // fails only when the client has gone
}

// guard lets calls that change something pass with the configured key, or, when none is configured, from
// loopback. With a key configured, loopback needs it too: a proxy on this machine speaks for anybody.
func guard(key string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
		switch {
		case reads:
		case key == "" && !fromLoopback(r.RemoteAddr):
			http.Error(w, "no admin key is configured, so changes are taken from loopback only; set admin.api_key",
				http.StatusForbidden)
			return
		case key != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get(APIKeyHeader)), []byte(key)) != 1:
			http.Error(w, "the header "+APIKeyHeader+" lacks the configured key", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func fromLoopback(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
