package wire

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

// mostHosts is bounded by the addresses of the one network there is.
const mostHosts = 250

// queuedPackets bounds the packets that are on their way over one slow direction; further ones are lost, as
// in a real queue.
const queuedPackets = 20_000

// Fault says what happens to the packets from one host to another.
type Fault struct {
	Cut   bool
	Loss  float64 // share of the packets that is lost, 0 to 1
	Delay time.Duration
}

// Network is a set of hosts and the switch between them.
type Network struct {
	own   *os.File // the namespace of this process
	hosts []*host
	lanes [][]*lane // by sender and receiver
	stop  chan struct{}
	ended sync.WaitGroup
}

// lane is one direction between two hosts.
type lane struct {
	to   *os.File
	late chan packet

	mu     sync.Mutex
	fault  Fault
	random *rand.Rand
}

type packet struct {
	due   time.Time
	bytes []byte
}

// New makes a network of that many hosts besides host 0. An error says what the machine lacks.
func New(hosts int) (*Network, error) {
	if hosts < 1 || hosts > mostHosts {
		return nil, fmt.Errorf("a network of %d hosts; it has 1 to %d", hosts, mostHosts)
	}
	own, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	n := &Network{own: own, stop: make(chan struct{})}
	for number := range hosts + 1 {
		h, err := newHost(own, byte(number))
		if err != nil {
			n.Close()
			return nil, err
		}
		n.hosts = append(n.hosts, h)
	}
	for from := range n.hosts {
		row := make([]*lane, len(n.hosts))
		for to, h := range n.hosts {
			row[to] = &lane{
				to: h.device, late: make(chan packet, queuedPackets),
				random: rand.New(rand.NewPCG(uint64(from), uint64(to))),
			}
			n.ended.Go(func() { row[to].deliverLate(n.stop) })
		}
		n.lanes = append(n.lanes, row)
	}
	for from, h := range n.hosts {
		n.ended.Go(func() { n.forward(h.device, n.lanes[from]) })
	}
	return n, nil
}

// Close ends the network. Processes in it are left without one.
func (n *Network) Close() {
	close(n.stop)
	for _, h := range n.hosts {
		h.close() // ends the reader of its device
	}
	n.ended.Wait()
	_ = n.own.Close() // nothing was written
}

// Address is the IP address of a host.
func (n *Network) Address(number int32) string { return n.hosts[number].address }

// Start starts a command on a host.
func (n *Network) Start(number int32, command *exec.Cmd) error {
	return n.hosts[number].within(n.own, command.Start)
}

// Dial opens a connection from host 0 to an IP address. Its signature is that of net.Dialer.DialContext.
func (n *Network) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	// A dial of one address makes its socket on the goroutine that calls, so on the thread that is there.
	dialer := net.Dialer{Timeout: time.Second}
	err = n.hosts[0].within(n.own, func() (err error) {
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Set makes a fault in one direction. The zero Fault heals it.
func (n *Network) Set(from, to int32, fault Fault) {
	l := n.lanes[from][to]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// SetBoth makes a fault in both directions between two hosts.
func (n *Network) SetBoth(a, b int32, fault Fault) {
	n.Set(a, b, fault)
	n.Set(b, a, fault)
}

// Heal removes all faults.
func (n *Network) Heal() {
	for from := range n.lanes {
		for to := range n.lanes[from] {
			n.Set(int32(from), int32(to), Fault{})
		}
	}
}

// forward hands over what a host sends until its device is closed.
func (n *Network) forward(device *os.File, lanes []*lane) {
	buffer := make([]byte, packetBytes)
	for {
		size, err := device.Read(buffer)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				fmt.Fprintln(os.Stderr, "wire: read from a device:", err)
			}
			return
		}
		if to, ok := receiver(buffer[:size], len(lanes)); ok {
			lanes[to].send(buffer[:size])
		}
	}
}

// receiver tells for which host a packet is. What is for nobody, such as IPv6 looking for routers, is lost.
func receiver(packet []byte, hosts int) (int, bool) {
	const header, version4 = 20, 4
	if len(packet) < header || packet[0]>>4 != version4 {
		return 0, false
	}
	to := int(packet[19]) - 1
	return to, to >= 0 && to < hosts
}

// send hands a packet over, later, or not at all.
func (l *lane) send(bytes []byte) {
	l.mu.Lock()
	fault := l.fault
	lost := fault.Cut || fault.Loss > 0 && l.random.Float64() < fault.Loss
	l.mu.Unlock()
	switch {
	case lost:
	case fault.Delay > 0:
		select {
		case l.late <- packet{time.Now().Add(fault.Delay), append([]byte(nil), bytes...)}:
		default: // the queue is full
		}
	default:
		l.deliver(bytes)
	}
}

// deliver loses what the receiver does not take, as a network does.
func (l *lane) deliver(bytes []byte) { _, _ = l.to.Write(bytes) }

// deliverLate hands over the delayed packets in their order.
func (l *lane) deliverLate(stop <-chan struct{}) {
	for {
		select {
		case p := <-l.late:
			timer := time.NewTimer(time.Until(p.due))
			select {
			case <-timer.C:
				l.deliver(p.bytes)
			case <-stop:
				timer.Stop()
				return
			}
		case <-stop:
			return
		}
	}
}
