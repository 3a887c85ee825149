package member

import (
	"bufio"
	"context"
	"os"
	"strings"
	"sync"
	"time"
)

// Settings say which group the members of a host belong to.
type Settings struct {
	Seeds        []string
	Topic, Group string
	Protocol     string        // classic or consumer
	Session      time.Duration // session timeout
}

const (
	// Heartbeat is how often a member asks whether the group changes.
	Heartbeat = 500 * time.Millisecond
	// Wait is how long a fetch waits for records.
	Wait = 100 * time.Millisecond
)

// Join runs one member until ctx is cancelled and leaves the group in order.
type Join func(ctx context.Context, settings Settings, teller *Teller) error

// Host runs members as standard input orders: "join NAME" and "leave NAME". It returns, members and all,
// when the input ends: whoever gave the orders is gone.
func Host(join Join, settings Settings) {
	leave := make(map[string]context.CancelFunc)
	var running sync.WaitGroup
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		order, name, _ := strings.Cut(orders.Text(), " ")
		switch order {
		case "join":
			ctx, cancel := context.WithCancel(context.Background())
			leave[name] = cancel
			running.Go(func() { run(ctx, join, settings, &Teller{name: name}) })
		case "leave":
			leave[name]()
		}
	}
	for _, cancel := range leave {
		cancel()
	}
	running.Wait()
}

func run(ctx context.Context, join Join, settings Settings, teller *Teller) {
	if err := join(ctx, settings, teller); err != nil {
		teller.Failed(err)
	}
	teller.tell("left")
}
