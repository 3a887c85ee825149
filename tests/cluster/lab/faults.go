package lab

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chronik-go/chronik/actors/admin"
)

const faultsPath = "/admin/faults"

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
