package group

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/chronik-go/chronik/actors/kit"
)

// transfer is the way of a leadership from this replica to another one (Raft dissertation, section 3.10).
//
// Raft takes no proposals meanwhile: the successor must have everything. So they wait here. Once the
// successor leads they are refused with its name, and their senders go there; if it does not come to lead
// in time, they are prepared here after all. Nothing that was prepared before is lost by that: it is in the
// log, and commits under either leader.
type transfer struct {
	to      uint64 // 0: none under way
	asked   []asked
	waiting []Propose
	ticks   int // that waiting has waited since the leadership was given up
}

// asked is somebody who wants to know how the transfer ends.
type asked struct {
	replyTo kit.Address
	token   uint64
}

// maxLeaderless is how many ticks proposals wait for the name of the next leader.
const maxLeaderless = 5

func (c *Core) transferring() bool { return c.transfer.to != 0 }

// Transfer hands the leadership over.
func (c *Core) Transfer(m Transfer) {
	to := m.To
	if to == 0 {
		to = c.successor(c.members.voters)
	}
	switch {
	case !c.leading:
		c.answerTransfer(asked{m.ReplyTo, m.Token}, ErrNotLeader{Leader: c.leader, Term: c.term})
	case to == c.replica || !slices.Contains(c.members.voters, to) || !c.reachable(to) || !c.insync.has(to):
		c.answerTransfer(asked{m.ReplyTo, m.Token}, ErrNoTransfer)
	default:
		c.beginTransfer(to, &asked{m.ReplyTo, m.Token})
	}
}

// Resign hands the leadership to whoever can take it, and stands for no election any more.
func (c *Core) Resign() {
	c.election.resigned = true
	if c.leading && !c.transferring() {
		c.beginTransfer(c.successor(c.members.voters), nil)
	}
}

// successor returns the best of some voters to lead next: in sync, and with the most of the log; 0 if there
// is none. The preferred one is taken among equals.
func (c *Core) successor(voters []uint64) (best uint64) {
	most := uint64(0)
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		good := id != c.replica && slices.Contains(voters, id) && c.members.votes(id) && c.insync.has(id)
		if good && (pr.Match > most || pr.Match == most && id == c.want.Preferred) {
			best, most = id, pr.Match
		}
	})
	return best
}

func (c *Core) beginTransfer(to uint64, who *asked) {
	if to == 0 {
		return
	}
	c.settle()
	c.transfer.to, c.dirty = to, true
	if who != nil {
		c.transfer.asked = append(c.transfer.asked, *who)
	}
	c.idleTicks = 0
	c.node.TransferLeader(to)
}

// tickTransfer ends a transfer that raft has given up, and the wait of those who want to hear of a leader.
func (c *Core) tickTransfer() {
	if c.transferring() && c.leading && c.node.BasicStatus().LeadTransferee == raft.None {
		c.endTransfer(ErrNoTransfer)
	}
	if !c.transferring() && len(c.transfer.waiting) > 0 {
		c.transfer.ticks++
	}
}

// endTransfer answers who asked for the transfer under way.
func (c *Core) endTransfer(err error) {
	for _, who := range c.transfer.asked {
		c.answerTransfer(who, err)
	}
	c.transfer.to, c.transfer.asked, c.transfer.ticks = 0, nil, 0
}

func (c *Core) answerTransfer(who asked, err error) {
	c.effects().Transferred = append(c.effects().Transferred, TransferAnswer{
		who.replyTo, Transferred{Group: c.group, Token: who.token, Err: err},
	})
}

// releaseWaiting gives the proposals that waited for a transfer, or for a change of the membership, back to
// the way that they would have gone.
func (c *Core) releaseWaiting() {
	t := &c.transfer
	if len(t.waiting) == 0 || c.transferring() || c.changing() {
		return
	}
	if !c.leading && c.leader == raft.None && t.ticks < maxLeaderless {
		return
	}
	waiting := t.waiting
	t.waiting, t.ticks = nil, 0
	c.Propose(waiting)
}

// isTransfer reports whether a request for votes comes from a replica that was asked to take over.
func isTransfer(m *raftpb.Message) bool { return len(m.GetContext()) > 0 }
