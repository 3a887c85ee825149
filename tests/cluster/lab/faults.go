package lab

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
)

const faultsPath = "/admin/faults"

// APIKey goes with every call. Nodes with a network of their own have to be configured with it, since a call
// does not come from their loopback.
const APIKey = "lab"

// Fault arms a fault of an actor of this node, which has to run with admin.faults.
func (n *Node) Fault(ctx context.Context, fault admin.Fault) error {
	body, err := json.Marshal(fault)
	if err != nil {
		return err
	}
	_, err = n.call(ctx, http.MethodPost, faultsPath, body)
	return err
}

// Strikes returns how often the faults that are armed on this node have struck.
func (n *Node) Strikes(ctx context.Context) (int, error) {
	body, err := n.get(ctx, faultsPath)
	if err != nil {
		return 0, err
	}
	var armed []admin.ArmedFault
	if err := json.Unmarshal(body, &armed); err != nil {
		return 0, err
	}
	strikes := 0
	for _, one := range armed {
		strikes += one.Strikes
	}
	return strikes, nil
}

// EndFaults disarms all faults of actors of this node.
func (n *Node) EndFaults(ctx context.Context) error {
	_, err := n.call(ctx, http.MethodDelete, faultsPath, nil)
	return err
}

// Jump sets the clock of this node wrong, which has to run with admin.faults. It is right again after a
// start.
func (n *Node) Jump(ctx context.Context, by time.Duration) error {
	body, err := json.Marshal(admin.ClockJump{Millis: by.Milliseconds()})
	if err != nil {
		return err
	}
	_, err = n.call(ctx, http.MethodPost, "/admin/clock", body)
	return err
}
