package call

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
)

// Task is what one request does. The actor calls its methods one at a time.
type Task interface {
	// Start asks the first questions. It may read the disk. If it asks nothing, the task is done.
	Start(q *Questions)
	// Answer takes one reply and may ask further. The task is done when no question is open.
	Answer(q *Questions, reply any)
	// Response returns the answer to the client, at the end or at the deadline.
	Response() kmsg.Response
	// Deadline returns how long the task may take, measured from its start. Zero or less answers right
	// after Start, with what is known then.
	Deadline() time.Duration
}

// Ordered is a Task whose first questions must not be overtaken by those of the next request: the connection
// sends them in its own turn. If each actor sent its own, two commits of one client could swap.
type Ordered interface {
	Task
	// Send tells all first questions, with tokens from 1 on. It is called once. Start counts them with
	// Questions.Sent and may run at the same time, so neither changes what the other reads.
	Send(replyTo kit.Address)
}

// Questions is how a task asks other actors. Every actor answers each question exactly once, so what is
// open is counted, not listed.
type Questions struct {
	self kit.Address
	last uint64
	open int
}

// Ask sends a question: build gets the address and the token that the reply must carry. It returns the
// token, by which the task recognizes the reply. Tokens start at 1.
func (q *Questions) Ask(to kit.Address, build func(replyTo kit.Address, token uint64) any) uint64 {
	q.last++
	q.open++
	to.Tell(build(q.self, q.last))
	return q.last
}

// Sent counts questions that are asked by Send: their tokens are the next n ones.
func (q *Questions) Sent(n int) {
	q.last += uint64(n)
	q.open += n
}

// Open returns how many questions have not been answered.
func (q *Questions) Open() int { return q.open }
