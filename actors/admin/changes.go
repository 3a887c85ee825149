package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Bounds of one change.
const (
	changeTime  = 20 * time.Second // below replyTime, so that its end can be told
	changeBytes = 64 << 10
)

// AddNode asks that a node may join. It is done when the cluster expects the node; the node joins when it is
// started with a list of peers that has the others in it.
type AddNode struct {
	ID    int32  `json:"node_id"`
	Kafka string `json:"kafka_addr"`         // HOST:PORT that clients are told
	WAL   string `json:"wal_addr,omitempty"` // accepted and not used
	Raft  string `json:"raft_addr"`          // HOST:PORT that the other nodes connect to
}

// RemoveNode asks that a node leaves: its replicas are moved to the others, then it is taken out of the
// cluster. Force also gives up what is only on that node, which is what is left to do for one that will not
// come back. It is ErrUnderWay as long as replicas are being moved; asked again, it goes on.
type RemoveNode struct {
	ID    int32 `json:"node_id"`
	Force bool  `json:"force,omitempty"`
}

// Rebalance asks that replicas and leaders are spread evenly over the nodes. It is done, or ErrUnderWay, when
// the moves are decided; Status.Reassigning counts down.
type Rebalance struct{}

// ErrUnderWay is returned by Options.Change for what has begun and takes longer than a call can wait.
var ErrUnderWay = errors.New("under way")

// Changed is the answer to a change.
type Changed struct {
	Success  bool   `json:"success"` // the change was taken; see UnderWay
	UnderWay bool   `json:"under_way,omitempty"`
	Message  string `json:"message"`
	NodeID   *int32 `json:"node_id,omitempty"`
}

// check returns what is wrong with the request, nil if nothing is.
func (m AddNode) check() error {
	if err := checkID(m.ID); err != nil {
		return err
	}
	for _, address := range []struct {
		key, text string
		required  bool
	}{{"kafka_addr", m.Kafka, true}, {"wal_addr", m.WAL, false}, {"raft_addr", m.Raft, true}} {
		if address.text == "" && !address.required {
			continue
		}
		host, port, err := net.SplitHostPort(address.text)
		if err != nil || host == "" {
			return fmt.Errorf("%s: %q is not HOST:PORT", address.key, address.text)
		}
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			return fmt.Errorf("%s: %q has no port between 1 and %d", address.key, address.text, math.MaxUint16)
		}
	}
	return nil
}

func (m RemoveNode) check() error { return checkID(m.ID) }
func (m Rebalance) check() error  { return nil }

func checkID(id int32) error {
	if id < 0 {
		return errors.New("node_id: is missing or negative")
	}
	return nil
}

// change is one of the requests above.
type change interface{ check() error }

func addNode(do changer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request := AddNode{ID: -1}
		if read(w, r, &request) {
			do.answer(w, r, request, &request.ID, fmt.Sprintf("node %d may join; start it", request.ID))
		}
	}
}

func removeNode(do changer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request := RemoveNode{ID: -1}
		if read(w, r, &request) {
			do.answer(w, r, request, &request.ID, fmt.Sprintf("node %d has left", request.ID))
		}
	}
}

func rebalance(do changer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		do.answer(w, r, Rebalance{}, nil, "replicas are being spread over the nodes")
	}
}

// read decodes the body. An unknown key is refused: a misspelled force would be no force.
func read(w http.ResponseWriter, r *http.Request, request any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, changeBytes))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(request)
	if err == nil && decoder.Decode(&struct{}{}) != io.EOF {
		err = errors.New("something follows the JSON object")
	}
	if err != nil {
		answer := Changed{Message: "the body is not what this call takes: " + err.Error()}
		writeJSON(w, http.StatusBadRequest, answer)
		return false
	}
	return true
}

// changer is Options.Change.
type changer func(ctx context.Context, change any) error

// answer makes the change and says how it went.
func (do changer) answer(w http.ResponseWriter, r *http.Request, request change, node *int32, done string) {
	if err := request.check(); err != nil {
		writeJSON(w, http.StatusBadRequest, Changed{Message: err.Error(), NodeID: node})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), changeTime)
	defer cancel()
	switch err := do(ctx, request); {
	case err == nil:
		writeJSON(w, http.StatusOK, Changed{Success: true, Message: done, NodeID: node})
	case errors.Is(err, ErrUnderWay):
		answer := Changed{Success: true, UnderWay: true, Message: err.Error(), NodeID: node}
		writeJSON(w, http.StatusAccepted, answer)
	case errors.Is(err, context.DeadlineExceeded):
		answer := Changed{Message: "no answer in time; ask again: " + err.Error(), NodeID: node}
		writeJSON(w, http.StatusGatewayTimeout, answer)
	default:
		writeJSON(w, http.StatusConflict, Changed{Message: err.Error(), NodeID: node})
	}
}
