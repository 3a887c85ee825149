package coordinator

import (
	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// Ask is a request about one transactional id. It is answered exactly once with
// coordinators.Answered.
//
//	body               result
//	transaction.Init   transaction.Producer
//	Add                none, Code alone
//	Verify             []protocol.Code, one for each place; Code refuses all
//	transaction.End    transaction.Producer, that of the next transaction
//	Describe           Description
type Ask struct {
	ID      string
	Body    any
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable: the id has moved, or its coordinator is being rebuilt.
func (m Ask) Refuse(error) { m.Answer(protocol.NotCoordinator, nil) }

// Answer answers the request.
func (m Ask) Answer(code protocol.Code, result any) {
	m.ReplyTo.Tell(coordinators.Answered{Token: m.Token, Code: code, Result: result})
}

// Add makes partitions part of a transaction.
type Add struct {
	Producer   transaction.Producer
	Places     []transaction.Place
	Generation int16 // of the client
}

// Verify asks whether partitions are part of a transaction.
type Verify struct {
	Producer transaction.Producer
	Places   []transaction.Place
}

// Describe asks for everything about an id.
type Describe struct{}

// Description answers Describe.
type Description struct {
	Record   transaction.Record
	Unmarked []transaction.Place // partitions that belong to the transaction, and do not know yet how it ended
}

// List asks for the ids of this coordinator that Keep wants to have. Answered with Listed.
type List struct {
	Keep    func(*Summary) bool // called in the coordinator's turn
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable: its ids are somewhere else now, and listed there.
func (m List) Refuse(error) { m.ReplyTo.Tell(Listed{Token: m.Token}) }

// Listed answers List. Code is COORDINATOR_LOAD_IN_PROGRESS while the log is being read.
type Listed struct {
	Token uint64
	Code  protocol.Code
	IDs   []Summary
}

// IsReply implements kit.Reply.
func (Listed) IsReply() {}

// Summary is what a list shows of an id.
type Summary struct {
	ID         string
	ProducerID int64
	State      transaction.State
	Started    int64 // milliseconds since the epoch; -1: nothing was begun
}

// readOn makes the actor read the next piece of the log.
type readOn struct{}

// look is the time to look for transactions that have taken too long.
type look struct{}

// cleanup is the time to look for ids that nobody has used for long.
type cleanup struct{}

// again is the time to try once more what could not be done.
type again struct{}
