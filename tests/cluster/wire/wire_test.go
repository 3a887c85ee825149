package wire

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// The test binary serves as the program on the other hosts: it echoes what it is sent.
func TestMain(m *testing.M) {
	if address := os.Getenv("WIRE_ECHO"); address != "" {
		echo(address)
		return
	}
	os.Exit(m.Run())
}

func echo(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("listening\n")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(conn, conn) }()
	}
}

func newNetwork(t *testing.T, hosts int) *Network {
	t.Helper()
	n, err := New(hosts)
	if err != nil {
		t.Skipf("no network namespaces here: %v (it takes root and /dev/net/tun)", err)
	}
	t.Cleanup(n.Close)
	return n
}

// serve runs an echo on a host and returns its address.
func serve(t *testing.T, n *Network, number int32) string {
	t.Helper()
	address := net.JoinHostPort(n.Address(number), "7")
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "WIRE_ECHO="+address)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(number, command); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return address
}

// turn sends a byte and waits for it to come back.
func turn(t *testing.T, conn net.Conn, patience time.Duration) (time.Duration, error) {
	t.Helper()
	begun := time.Now()
	if err := conn.SetDeadline(begun.Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return time.Since(begun), err
}

func dial(t *testing.T, n *Network, address string) net.Conn {
	t.Helper()
	conn, err := n.Dial(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestDelayCutAndHeal(t *testing.T) {
	n := newNetwork(t, 2)
	first, second := serve(t, n, 1), serve(t, n, 2)
	conn, other := dial(t, n, first), dial(t, n, second)
	if _, err := turn(t, conn, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	n.SetBoth(0, 1, Fault{Delay: 50 * time.Millisecond})
	if took, err := turn(t, conn, 5*time.Second); err != nil || took < 100*time.Millisecond {
		t.Errorf("50 ms each way: got %s, %v", took, err)
	}
	n.Heal()
	n.Set(1, 0, Fault{Cut: true}) // the way there still works
	if took, err := turn(t, conn, 300*time.Millisecond); err == nil {
		t.Errorf("an answer came over a cut link after %s", took)
	}
	if _, err := turn(t, other, 5*time.Second); err != nil {
		t.Errorf("the other host: %v", err)
	}
	n.Heal()
	if _, err := turn(t, conn, 10*time.Second); err != nil { // TCP sends again what was lost
		t.Errorf("after healing: %v", err)
	}
}

func TestLossIsWhatWasAskedFor(t *testing.T) {
	n := newNetwork(t, 1)
	lost, l := 0, n.lanes[0][1]
	l.fault.Loss = 0.2
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	const packets = 10_000
	l.to = writer
	go func() {
		for range packets {
			l.send([]byte{0})
		}
		_ = writer.Close()
	}()
	arrived, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if lost = packets - len(arrived); lost < packets/6 || lost > packets/4 {
		t.Errorf("lost %d of %d, want a fifth", lost, packets)
	}
}

func TestHostsDoNotSeeThisMachine(t *testing.T) {
	n := newNetwork(t, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if conn, err := n.Dial(context.Background(), "tcp", listener.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("a port of this machine can be reached from inside")
	}
}
