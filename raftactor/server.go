package raftactor

import (
	"context"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/catchup"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
)

// What runs here runs on the goroutines of the server that peers speak to.

// route hands messages of raft to the core that they are for, or to the host if there is none.
func (h *host) route(self kit.Address) func(int32, wal.GroupID, []*raftpb.Message) {
	return func(_ int32, id wal.GroupID, messages []*raftpb.Message) {
		if core, found := h.routes.find(id); found {
			core.Tell(group.Step{Messages: messages})
			return
		}
		self.Tell(Deliver{Group: id, Messages: messages})
	}
}

// share returns the state of a group's machine for a replica elsewhere. The machine is asked by a message,
// and the goroutine of the peer's request waits for the answer.
func (h *host) share(ctx context.Context, _ int32, id wal.GroupID, have []byte) (applier.Source, error) {
	answers := make(chan applier.Shared, 1)
	h.ask(id, have, kit.AddressFor("share", func(message any) {
		answers <- message.(applier.Shared) // there is only one
	}))
	select {
	case m := <-answers:
		if m.Err != nil {
			return nil, m.Err
		}
		return catchup.Headed(m), nil
	case <-ctx.Done():
		go closeLate(answers)
		return nil, ctx.Err()
	}
}

// closeLate closes a source that came after its asker had gone. The answer comes: Share is refused if nothing
// else happens to it.
func closeLate(answers <-chan applier.Shared) {
	if m := <-answers; m.Source != nil {
		m.Source.Close()
	}
}

// ask has the machine of a group answer with applier.Shared.
func (h *host) ask(id wal.GroupID, have []byte, replyTo kit.Address) {
	core, found := h.routes.find(id)
	if !found {
		replyTo.Tell(applier.Shared{Err: fmt.Errorf("group %d does not run on this node", id)})
		return
	}
	core.Tell(applier.Share{Have: have, ReplyTo: replyTo})
}
