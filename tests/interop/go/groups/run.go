package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Partitions is how many each topic has: two for each member of a full group.
const Partitions = 40

// Options say what is run.
type Options struct {
	Seeds    []string
	Protocol string // classic or consumer
	Topic    string
	Group    string
	Replicas int
	Host     []string // the command that starts a host; seeds, topic, group, protocol and session are added
}

// run is one group on its way.
type run struct {
	Options
	hosts  *hosts
	pacer  *pacer
	ledger *Ledger
	admin  *kadm.Client
	began  time.Time
}

// Run lets 2 to 20 members join, leave and crash under load. It returns what was committed and what is left
// to read at the end, and as an error what was wrong.
func Run(options Options) ([]Lag, error) {
	r := &run{Options: options, ledger: NewLedger(Partitions), began: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var err error
	if r.pacer, err = newPacer(ctx, r.Seeds, r.Topic, Partitions, r.Replicas); err != nil {
		return nil, fmt.Errorf("make topic %s: %w", r.Topic, err)
	}
	defer r.pacer.client.Close()
	r.admin = kadm.NewClient(r.pacer.client)
	if r.hosts, err = newHosts(append(slices.Clone(r.Host), strings.Join(r.Seeds, ","), r.Topic, r.Group, r.Protocol)); err != nil {
		return nil, err
	}
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		r.pacer.run(ctx)
	}()
	err = r.schedule()
	cancel()
	<-produced
	if err == nil {
		err = r.await("everything is committed", func() bool { return r.ledger.Committed(r.pacer.ends()) })
	}
	err = errors.Join(err, r.hosts.stop(r.ledger.Line), r.pacer.err(), r.verdict())
	if err != nil {
		return nil, err
	}
	return r.lags()
}

// schedule is the order of events. Host c is the one that crashes.
func (r *run) schedule() error {
	full := func() error { return r.described(20) }
	for _, event := range []struct {
		name string
		do   []func() error
	}{
		{"2 members", []func() error{r.start("a", lasting), r.join("a", 2)}},
		{"20 members", []func() error{
			r.start("b", lasting), r.start("c", crashing), r.start("d", lasting), r.join("a", 3), r.join("b", 5), r.join("c", 5), r.join("d", 5),
		}},
		{"4 left", []func() error{full, r.leave("a", 2), r.leave("b", 1), r.leave("d", 1)}},
		{"5 crashed, 3 joined", []func() error{r.crash("c"), r.join("d", 3)}},
		{"2 members left", []func() error{r.leave("a", 2), r.leave("b", 4), r.leave("d", 6)}},
	} {
		for _, do := range event.do {
			if err := do(); err != nil {
				return fmt.Errorf("%s: %w", event.name, err)
			}
		}
		if err := r.settled(event.name); err != nil {
			return err
		}
	}
	return nil
}

// Session timeouts: the shortest that a broker allows by default for members that will crash and are waited
// for; a long one for those whose machine may be busy with others.
const (
	crashing = 6 * time.Second
	lasting  = 45 * time.Second
)

func (r *run) start(host string, session time.Duration) func() error {
	return func() error { return r.hosts.start(host, session) }
}
func (r *run) crash(host string) func() error { return func() error { return r.hosts.crash(host) } }
func (r *run) join(host string, n int) func() error {
	return func() error { return r.hosts.join(host, n) }
}
func (r *run) leave(host string, n int) func() error {
	return func() error { return r.hosts.leave(host, n) }
}

// settled waits until the members that there are share all partitions and have read what was there.
func (r *run) settled(event string) error {
	begun, members, marks := time.Now(), r.hosts.members(), r.pacer.ends()
	err := r.await(event, func() bool { return r.ledger.Settled(members, marks) })
	if err != nil {
		return err
	}
	fmt.Printf("# %s: settled after %.1f s\n", event, time.Since(begun).Seconds())
	return nil
}

// await takes lines until a condition is met.
func (r *run) await(what string, met func() bool) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for !met() {
		select {
		case line, open := <-r.hosts.lines:
			if !open {
				return fmt.Errorf("%s: the hosts have ended", what)
			}
			r.ledger.Line(line)
			if broken := r.ledger.Broken(); len(broken) > 0 {
				return fmt.Errorf("%s: %s", what, broken[0])
			}
		case <-timeout.C:
			return fmt.Errorf("%s: not after %s; held: %s", what, patience, r.ledger.Holders())
		}
	}
	return nil
}

// described asks the broker for the group, which must be stable and have that many members.
func (r *run) described(members int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if r.Protocol == "consumer" {
		return nil // another request describes these; the official tool asks it
	}
	described, err := r.admin.DescribeGroups(ctx, r.Group)
	if err != nil {
		return err
	}
	group := described[r.Group]
	if group.Err != nil || group.State != "Stable" || len(group.Members) != members {
		return fmt.Errorf("the group is described as %s with %d members (%w), want Stable with %d",
			group.State, len(group.Members), group.Err, members)
	}
	return nil
}

// verdict turns what the ledger found into an error.
func (r *run) verdict() error {
	fmt.Printf("# %s: %d records, %d delivered again, %d commits refused, %.1f s\n", r.Group, sum(r.pacer.ends()),
		r.ledger.repeated, r.ledger.refused, time.Since(r.began).Seconds())
	var wrong []error
	for _, broken := range r.ledger.Broken() {
		wrong = append(wrong, errors.New(broken))
	}
	return errors.Join(wrong[:min(len(wrong), 5)]...)
}

func sum(values []int64) (total int64) {
	for _, value := range values {
		total += value
	}
	return total
}

// lags produces a little more and compares what franz-go says is left with what was produced.
func (r *run) lags() ([]Lag, error) {
	committed := r.pacer.ends()
	if err := r.pacer.more(); err != nil {
		return nil, err
	}
	ends := r.pacer.ends()
	var lags []Lag
	for p := range ends {
		lags = append(lags, Lag{r.Group, r.Topic, int32(p), committed[p], ends[p]})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	fetched, err := r.admin.FetchOffsets(ctx, r.Group)
	if err != nil {
		return nil, err
	}
	for p, want := range committed {
		got, found := fetched.Lookup(r.Topic, int32(p))
		if !found || got.At != want {
			return nil, fmt.Errorf("partition %d: committed offset is %d, want %d", p, got.At, want)
		}
	}
	return lags, nil
}
