package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func options() Options {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "chronik_things_total", Help: "Things."})
	registry.MustRegister(counter)
	counter.Add(3)
	return Options{
		Address:  "127.0.0.1:0",
		Gatherer: registry,
		Ready:    func() error { return nil },
		Status:   func() Status { return Status{NodeID: 7, ClusterID: "cluster", Topics: 2, Leaders: 5} },
	}
}

func call(h http.Handler, method, path, remote, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = remote
	if key != "" {
		r.Header.Set(APIKeyHeader, key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhatIsServed(t *testing.T) {
	h := newHandler(options())
	for path, want := range map[string]string{
		"/": "/metrics", "/metrics": "chronik_things_total 3", "/healthz": "ok", "/readyz": "ready",
		"/admin/health": `"status": "healthy"`, "/admin/status": `"cluster_id": "cluster"`,
	} {
		if w := call(h, "GET", path, "10.0.0.1:5", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/nothing", "/debug/pprof/"} {
		if w := call(h, "GET", path, "10.0.0.1:5", ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	var status Status
	if err := json.Unmarshal(call(h, "GET", "/admin/status", "10.0.0.1:5", "").Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	if status.NodeID != 7 || !status.Ready || status.Leaders != 5 || status.Build.Go == "" {
		t.Errorf("status: %+v", status)
	}
}

func TestANodeThatIsNotReadySaysWhy(t *testing.T) {
	o := options()
	o.Ready = func() error { return errors.New("replaying the log") }
	h := newHandler(o)
	for _, path := range []string{"/readyz", "/admin/health"} {
		if w := call(h, "GET", path, "10.0.0.1:5", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "replaying the log") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := call(h, "GET", "/admin/status", "10.0.0.1:5", ""); !strings.Contains(w.Body.String(), `"not_ready": "replaying the log"`) {
		t.Errorf("status: %s", w.Body)
	}
	if w := call(h, "GET", "/healthz", "10.0.0.1:5", ""); w.Code != http.StatusOK {
		t.Errorf("healthz: %d", w.Code)
	}
}

func TestProfilesAreServedWhenSwitchedOn(t *testing.T) {
	o := options()
	o.Pprof = true
	if w := call(newHandler(o), "GET", "/debug/pprof/goroutine?debug=1", "10.0.0.1:5", ""); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestChangesNeedTheKeyOrLoopback(t *testing.T) {
	const passed = http.StatusNotFound // behind the guard, a node that has no such call
	for _, test := range []struct {
		configured, remote, sent string
		want                     int
	}{
		{"", "127.0.0.1:5", "", passed},
		{"", "[::1]:5", "", passed},
		{"", "[::ffff:127.0.0.1]:5", "", passed},
		{"", "10.0.0.1:5", "", http.StatusForbidden},
		{"", "10.0.0.1:5", "guess", http.StatusForbidden},
		{"secret", "127.0.0.1:5", "", http.StatusUnauthorized},
		{"secret", "127.0.0.1:5", "guess", http.StatusUnauthorized},
		{"secret", "10.0.0.1:5", "secret", passed},
		{"", "nonsense", "", http.StatusForbidden},
	} {
		o := options()
		o.APIKey = test.configured
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			if w := call(newHandler(o), method, "/admin/add-node", test.remote, test.sent); w.Code != test.want {
				t.Errorf("%+v %s: got %d, want %d", test, method, w.Code, test.want)
			}
		}
	}
}

func newSystem(t *testing.T) *kit.System {
	t.Helper()
	system := kit.NewSystem(kit.SystemConfig{Name: "admin-test"})
	t.Cleanup(system.Shutdown)
	return system
}

func TestTheActorServesUntilItIsStopped(t *testing.T) {
	system := newSystem(t)
	owner := kittest.NewProbe(system, "owner")
	o := options()
	o.Owner = owner.Address
	admin := system.Spawn("admin", Spec(o))
	url := "http://" + kittest.Expect[Opened](t, owner, 30*time.Second).Addr.String() + "/healthz"
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if string(body) != "ok\n" {
		t.Errorf("got %q", body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := system.StopAndWait(ctx, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("HTTP is served after the actor stopped")
	}
}

func TestATakenPortIsAClearError(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	system := newSystem(t)
	owner := kittest.NewProbe(system, "owner")
	o := options()
	o.Address, o.Owner = other.Addr().String(), owner.Address
	system.Spawn("admin", Spec(o))
	failed := kittest.Expect[Failed](t, owner, 30*time.Second)
	if !errors.Is(failed.Err, syscall.EADDRINUSE) || !strings.Contains(failed.Err.Error(), "taken by another process; set bind.metrics") {
		t.Errorf("got %v", failed.Err)
	}
}

func TestAServerThatEndsIsOpenedAgain(t *testing.T) {
	system := newSystem(t)
	owner := kittest.NewProbe(system, "owner")
	o := options()
	o.Owner = owner.Address
	admin := system.Spawn("admin", Spec(o))
	for opening := 1; opening <= 6; opening++ {
		kittest.Expect[Opened](t, owner, 30*time.Second)
		admin.Tell(served{opening: opening - 1, err: io.ErrUnexpectedEOF}) // of an earlier opening: no matter
		admin.Tell(served{opening: opening, err: io.ErrUnexpectedEOF})
	}
	if failed := kittest.Expect[Failed](t, owner, 30*time.Second); !errors.Is(failed.Err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", failed.Err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := bound(inner).(*boundedListener)
	for range connections {
		b.slots <- struct{}{}
	}
	accepted := make(chan error, 1)
	go func() {
		conn, err := b.Accept()
		if err == nil {
			err = conn.Close()
		}
		accepted <- err
	}()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	select {
	case <-accepted:
		t.Fatal("one connection too many was accepted")
	default:
	}
	<-b.slots
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	b.slots <- struct{}{} // its slot came back
	go func() {
		_, err := b.Accept()
		accepted <- err
	}()
	_ = b.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
