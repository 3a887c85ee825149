package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// hosted makes a node do what its host does: a hello makes the link to its sender dial.
func hosted(n *node) {
	events := n.events.Address
	n.config.Events = kit.AddressFor("host", func(m any) {
		if greeted, ok := m.(link.Greeted); ok {
			n.peers.Link(greeted.Hello.Node).Tell(link.Dial{Instance: greeted.Hello.Instance})
		}
		events.Tell(m)
	})
	n.stop(n.server)
	n.config.Address = "127.0.0.1:0" // nobody knows the one before yet
	n.serve()
}

// TestThreeNodesFindEachOther: the last one is started when the others have long waited for it.
func TestThreeNodesFindEachOther(t *testing.T) {
	nodes := []*node{newNode(t, 1), newNode(t, 2), newNode(t, 3)}
	for _, n := range nodes {
		hosted(n)
	}
	late := nodes[2]
	late.stop(late.server)
	for _, n := range nodes[:2] {
		for _, other := range nodes {
			if other != n {
				n.dial(other.id, other.address)
			}
		}
		until[link.Up](t, n.events)
	}
	late.serve()
	for _, other := range nodes[:2] {
		late.dial(other.id, other.address)
	}
	for range 2 {
		until[link.Up](t, late.events)
	}
	for _, n := range nodes[:2] {
		if up := until[link.Up](t, n.events); up.Node != 3 {
			t.Fatalf("got %+v", up)
		}
	}
}

// TestAPanicInAStreamEndsOnlyThat: the peer connects again.
func TestAPanicInAStreamEndsOnlyThat(t *testing.T) {
	for name, m := range map[string]*raftpb.Message{"bulk": appendTo(1, 5), "control": heartbeat(1)} {
		t.Run(name, func(t *testing.T) {
			a, b, _ := pair(t)
			b.onDeliver(func(delivery) { panic("for the test") })
			a.peers.Send(2, 1, []*raftpb.Message{m})
			until[link.Down](t, a.events)
			until[link.Up](t, a.events)
			got := make(chan delivery, 1)
			b.onDeliver(func(d delivery) { got <- d })
			a.peers.Send(2, 1, []*raftpb.Message{m})
			<-got
		})
	}
}

// greet opens a control stream as a process would in its attempt of that number.
func greet(t *testing.T, address string, number uint64) (answer wire.Frame, stream grpc.ClientStream, err error) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.Codec{})),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err = conn.NewStream(t.Context(), &wire.ControlStream, wire.ControlMethod)
	if err != nil {
		t.Fatal(err)
	}
	h := hello(1)
	if err := stream.SendMsg(&wire.Frame{Items: []wire.Item{{Kind: wire.Greet, Hello: &h, Number: number}}}); err != nil {
		t.Fatal(err)
	}
	err = stream.RecvMsg(&answer)
	return answer, stream, err
}

// TestALaterConnectionStays: a server that was frozen hears the hellos of all attempts at once.
func TestALaterConnectionStays(t *testing.T) {
	b := newNode(t, 2)
	_, stream, err := greet(t, b.address, 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := greet(t, b.address, 6); err == nil || !strings.Contains(err.Error(), "later connection") {
		t.Fatalf("got %v", err)
	}
	if _, _, err := greet(t, b.address, 8); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(new(wire.Frame)); err == nil || !strings.Contains(err.Error(), "taken the place") {
		t.Fatalf("got %v", err)
	}
}

func TestLinksHaveMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	a, b := newNode(t, 1, func(_ *server.Config, o *link.Options) { o.Metrics = registry }), newNode(t, 2)
	a.dial(2, b.address)
	until[link.Up](t, a.events)
	for a.peers.States()[0].RTT == 0 {
		runtime.Gosched()
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	positive := map[string]bool{}
	for _, f := range families {
		m := f.Metric[0]
		if label := m.Label[0]; label.GetName() != "peer" || label.GetValue() != "2" {
			t.Errorf("got label %v of %s", label, f.GetName())
		}
		positive[f.GetName()] = m.GetGauge().GetValue() > 0 || m.GetCounter().GetValue() > 0
	}
	want := map[string]bool{
		"chronik_link_up": true, "chronik_link_queue_bytes": positive["chronik_link_queue_bytes"],
		"chronik_link_rtt_seconds": true, "chronik_link_drops_total": false, "chronik_link_connects_total": true,
		"chronik_link_sent_bytes_total": true, "chronik_link_received_bytes_total": true,
	}
	if !maps.Equal(positive, want) {
		t.Errorf("got %v, want %v", positive, want)
	}
}

// certificates writes a certificate for 127.0.0.1 with its key, and the authority it comes from.
func certificates(t *testing.T) (certificate, key, authority string) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	caBytes, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	nodeKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, ca, nodeKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalECPrivateKey(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", leafBytes), write("key.pem", "EC PRIVATE KEY", keyBytes),
		write("ca.pem", "CERTIFICATE", caBytes)
}

func load(t *testing.T) *tls.Config {
	t.Helper()
	config, err := link.LoadTLS(certificates(t))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestLinksAuthenticateEachOther(t *testing.T) {
	config := load(t)
	secure := func(c *server.Config, o *link.Options) { c.TLS, o.TLS = config, config }
	a, b, _ := pair(t, secure)
	got := make(chan delivery, 1)
	b.onDeliver(func(d delivery) { got <- d })
	a.peers.Send(2, 1, []*raftpb.Message{appendTo(1, 100_000)})
	if d := <-got; len(d.messages[0].Entries[0].Data) != 100_000 {
		t.Fatalf("got %+v", d)
	}
	strangers := load(t) // of another authority
	for name, change := range map[string]func(*server.Config, *link.Options){
		"strangers": func(c *server.Config, o *link.Options) { c.TLS, o.TLS = strangers, strangers },
		"no TLS":    func(*server.Config, *link.Options) {},
		"no certificate": func(_ *server.Config, o *link.Options) {
			o.TLS = &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS13}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newNode(t, 1, change)
			c.dial(2, b.address)
			for failed := false; !failed; {
				s := c.peers.States()
				failed = len(s) > 0 && s[0].LastError != ""
				if len(s) > 0 && s[0].Phase == link.Linked {
					t.Fatal("got a link without authentication")
				}
			}
		})
	}
}
