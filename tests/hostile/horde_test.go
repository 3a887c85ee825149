package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// order tells the horde how many connections of each kind to hold from now on, by the names of attacks.
// None means to close all and to report.
type order struct {
	Hold map[string]int `json:"hold"`
}

// report answers each order: how many connections are open, or what was done since the last one.
type report struct {
	Held  int              `json:"held"`
	Deeds map[string]int64 `json:"deeds"`
}

// horde is the process of the attackers. They have one of their own, so that neither their descriptors nor
// their goroutines are those of the broker.
type horde struct {
	t       *testing.T
	command *exec.Cmd
	orders  *json.Encoder
	reports *json.Decoder
}

// startHorde starts the process. It attacks when it is ordered to, and ends with the test.
func startHorde(t *testing.T, address string) *horde {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	h := &horde{t: t, command: exec.Command(program)}
	h.command.Env = append(os.Environ(), hordeOf+"="+address)
	h.command.Stderr = os.Stderr
	stdin, err := h.command.StdinPipe()
	must(t, err)
	stdout, err := h.command.StdoutPipe()
	must(t, err)
	h.orders, h.reports = json.NewEncoder(stdin), json.NewDecoder(stdout)
	must(t, h.command.Start())
	t.Cleanup(func() {
		_ = stdin.Close() // it ends by that, and also when the test is killed
		if err := h.command.Wait(); err != nil {
			t.Errorf("horde: %v", err)
		}
	})
	return h
}

// hold returns when so many connections of each kind are open.
func (h *horde) hold(kinds map[string]int) { h.obey(order{Hold: kinds}) }

// rest returns when all connections are closed, and says what was done over them.
func (h *horde) rest() map[string]int64 { return h.obey(order{}).Deeds }

func (h *horde) obey(o order) report {
	h.t.Helper()
	must(h.t, h.orders.Encode(o))
	var r report
	must(h.t, h.reports.Decode(&r))
	return r
}

// becomeIdle lets the horde run only when nobody else wants to. Real attackers would bring processors of
// their own; these share the broker's, and what they take would be counted as the broker's fault. What they
// got done is checked. The lowest niceness is not enough: a thread that has begun runs to the end of its
// slice, which is several times the p99 that is measured.
//
// The policy is one of threads, and new ones inherit it, so this looks until it finds no thread without.
func becomeIdle() error {
	for changed := true; changed; {
		changed = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			attributes, err := unix.SchedGetAttr(id, 0)
			if errors.Is(err, unix.ESRCH) {
				continue // it has ended
			}
			if err == nil && attributes.Policy != unix.SCHED_IDLE {
				changed = true
				err = unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
			}
			if err != nil {
				return fmt.Errorf("run when idle: %w", err)
			}
		}
	}
	return nil
}

// beHorde is the life of the process.
func beHorde(address string, orders io.Reader, reports io.Writer) error {
	if err := becomeIdle(); err != nil {
		return err
	}
	out, next := json.NewEncoder(reports), make(chan order)
	failed := make(chan error, 1)
	go func() {
		defer close(next)
		for in := json.NewDecoder(orders); ; {
			var o order
			if err := in.Decode(&o); err != nil {
				if !errors.Is(err, io.EOF) {
					failed <- err
				}
				return
			}
			next <- o
		}
	}()
	for o := range next {
		if err := follow(o, address, next, out); err != nil {
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// follow attacks until the next order, which must be to rest, or until there will be none.
func follow(o order, address string, next <-chan order, out *json.Encoder) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a, err := assail(ctx, address, o.Hold, next)
	if err != nil || a == nil {
		return err
	}
	if err := out.Encode(report{Held: int(a.held.Load())}); err != nil {
		return err
	}
	if _, more := <-next; !more {
		return nil // the test has failed
	}
	cancel()
	a.done.Wait()
	deeds := map[string]int64{}
	for name, one := range attacks {
		deeds[name] = one.deeds.Swap(0)
	}
	return out.Encode(report{Deeds: deeds})
}

// assault is an attack under way.
type assault struct {
	address string
	ctx     context.Context
	done    sync.WaitGroup
	held    atomic.Int64
}

// assail begins to hold so many connections of each kind and returns when all are open; nil if the orders end
// before that, as they do when the test is killed.
func assail(ctx context.Context, address string, kinds map[string]int, next <-chan order) (*assault, error) {
	a := &assault{address: address, ctx: ctx}
	total := 0
	for _, count := range kinds {
		total += count
	}
	if err := needFiles(total); err != nil {
		return nil, err
	}
	open := make(chan struct{}, total)
	for name, count := range kinds {
		for i := range count {
			a.done.Add(1)
			go a.keep(attacks[name], rand.New(rand.NewPCG(uint64(i), 1)), open)
		}
	}
	for range total {
		select {
		case <-open:
		case <-next:
			return nil, nil
		}
	}
	return a, nil
}

// keep holds one connection of a kind. When the broker closes it, another takes its place at once.
func (a *assault) keep(kind *attack, random *rand.Rand, open chan<- struct{}) {
	defer a.done.Done()
	reportOpen := sync.OnceFunc(func() { open <- struct{}{} })
	defer reportOpen()
	for a.ctx.Err() == nil {
		s, err := dialFromAfar(a.address)
		if err != nil {
			<-time.After(10 * time.Millisecond) // the queue of connections to accept was full
			continue
		}
		stop := context.AfterFunc(a.ctx, func() { _ = s.Close() }) // ends whatever the attack waits for
		one := &attacker{socket: s, ctx: a.ctx, random: random, kind: kind}
		if kind.begin == nil || kind.begin(one) == nil {
			a.held.Add(1)
			reportOpen()
			kind.act(one)
			a.held.Add(-1)
		}
		stop()
		_ = s.Close()
	}
}

// dialFromAfar connects with the segment size and a receive buffer that an attacker on another machine would
// have. With those of loopback, each socket would let the kernel hold megabytes of replies.
func dialFromAfar(address string) (*socket, error) {
	const segment, buffer = 1460, 8 << 10
	return dialWith(net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		controlErr := raw.Control(func(fd uintptr) {
			err = errors.Join(syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer))
		})
		return errors.Join(controlErr, err)
	}}, address)
}
