package consumers

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Settings are the rules for groups.
type Settings struct {
	Classic          classic.Settings
	Modern           modern.Settings
	Image            func() *image.Image
	Metrics          *Metrics
	Retention        time.Duration // of offsets
	MaxMetadataBytes int           // of the text beside an offset
}

// State is what the log knows of a group when its actor starts.
type State struct {
	Record  []byte                       // of a classic group, nil if there is none
	Modern  map[records.ModernKey][]byte // of one of the newer protocol
	Offsets offsets.Table
	Pending offsets.Pending // of transactions that have not ended
}

// Empty tells whether nothing is known.
func (s *State) Empty() bool {
	return s.Record == nil && len(s.Modern) == 0 && s.Offsets.Len() == 0 && s.Pending.Len() == 0
}

// answer is an answer to a ticket.
type answer struct {
	ticket classic.Ticket
	code   protocol.Code
	result any
}

// write is a Write without its address.
type write struct {
	token       uint64
	records     []batch.Record
	transaction *Transaction
}

// core is the group as a machine: calls go in, answers and writes come out. It knows no actor.
//
// Invariant: what open holds has been given to the log and is not known to be committed; writes are committed
// in the order in which they were given.
type core struct {
	id       string
	settings *Settings
	classic  *classic.Group // nil: the group is one of the newer protocol
	newer    newer
	searches searches
	rules    rules
	offsets  offsets.Table
	pending  offsets.Pending
	open     map[uint64]change
	last     uint64 // token of a write
	ending   bool   // the group is being removed: no request changes it any more

	answers []answer
	writes  []write
}

// change is what follows from a write.
type change struct {
	ticket  classic.Ticket
	save    uint64 // of the classic group; 0: none
	puts    []put
	removes []offsets.Place
	ends    bool // the group
	codes   []protocol.Code
	plain   bool // the answer is the code alone
	in      *Transaction
	newer   bool // it ends a batch of the newer protocol
	held    []answer
}

type put struct {
	at     offsets.Place
	offset records.Offset
	item   int // of the request
}

func newCore(id string, settings *Settings, state State, now time.Time) (*core, error) {
	c := &core{id: id, settings: settings, open: map[uint64]change{}}
	c.offsets, c.pending = state.Offsets, state.Pending
	if len(state.Modern) > 0 {
		group, err := modern.Restore(id, state.Modern, c.modernRules(), now)
		c.newer.group = group
		c.followAll()
		return c, err
	}
	if state.Record == nil {
		c.classic = classic.New(id, &settings.Classic, now)
		return c, nil
	}
	group, err := classic.Restore(id, state.Record, &settings.Classic, now)
	c.classic = group
	return c, err
}

// ask handles a request.
func (c *core) ask(now time.Time, client classic.Client, body any, t classic.Ticket) {
	switch {
	case c.isNewer(body):
		c.askNewer(now, client, body, t)
	case c.ended():
		c.answer(t, ended(body), nil)
	default:
		c.askClassic(now, client, body, t)
	}
}

func (c *core) askClassic(now time.Time, client classic.Client, body any, t classic.Ticket) {
	switch r := body.(type) {
	case *kmsg.JoinGroupRequest:
		c.classic.Join(now, client, r, t)
	case *kmsg.SyncGroupRequest:
		c.classic.Sync(now, r, t)
	case *kmsg.HeartbeatRequest:
		response := kmsg.NewPtrHeartbeatResponse()
		response.ErrorCode = int16(c.classic.Heartbeat(now, r))
		c.answer(t, protocol.None, response)
	case *kmsg.LeaveGroupRequest:
		c.answer(t, protocol.None, c.classic.Leave(now, r))
	case Describe:
		c.answer(t, protocol.None, c.classic.Describe())
	case DescribeConsumers:
		c.answer(t, protocol.GroupIDNotFound, nil)
	default:
		c.askStored(now, body, t)
	}
	c.settle()
}

// askStored handles a request about offsets, or about the group as a whole.
func (c *core) askStored(now time.Time, body any, t classic.Ticket) {
	switch r := body.(type) {
	case Commit:
		c.commit(now, r, t)
	case Fetch:
		if code := c.checkFetch(r); code != protocol.None {
			c.answer(t, code, nil)
			return
		}
		c.answer(t, protocol.None, c.fetch(r))
	case DeleteOffsets:
		c.deleteOffsets(r, t)
	case Delete:
		c.remove(now, t)
	}
}

// ended is the code for a request to a group that is being removed: a member that wants in looks for the
// coordinator again and finds a new group.
func ended(body any) protocol.Code {
	switch r := body.(type) {
	case *kmsg.JoinGroupRequest:
		return protocol.CoordinatorNotAvailable
	case *kmsg.ConsumerGroupHeartbeatRequest:
		if r.MemberEpoch == 0 {
			return protocol.CoordinatorNotAvailable
		}
	}
	return Missing(body)
}

// knowsMissingGroups is the first version of OffsetCommit that is told that there is no such group.
const knowsMissingGroups = 9

// Missing returns the code for a request to a group that does not exist; None if there is nothing wrong with
// that. See Creates for requests that make the group.
func Missing(body any) protocol.Code {
	switch r := body.(type) {
	case *kmsg.JoinGroupRequest, *kmsg.SyncGroupRequest, *kmsg.HeartbeatRequest, *kmsg.LeaveGroupRequest:
		return protocol.UnknownMemberID
	case Commit:
		if r.Version < knowsMissingGroups {
			return protocol.IllegalGeneration
		}
	case Fetch:
		return protocol.None
	}
	return protocol.GroupIDNotFound
}

// Creates tells whether a request makes the group that it is about.
func Creates(body any) bool {
	switch r := body.(type) {
	case *kmsg.JoinGroupRequest:
		return r.MemberID == ""
	case *kmsg.ConsumerGroupHeartbeatRequest:
		return r.MemberEpoch == 0
	case Commit:
		return r.Generation < 0
	}
	return false
}

// Absent is the answer to a Fetch from a group that does not exist.
func Absent(r Fetch) []Fetched {
	return (&core{}).fetch(r)
}

// tick lets time pass.
func (c *core) tick(now time.Time) {
	if c.newer.group != nil {
		c.tickNewer(now)
		return
	}
	c.classic.Tick(now)
	c.settle()
}

// next returns when tick has something to do, zero if never.
func (c *core) next() time.Time {
	switch {
	case c.newer.writing:
		return time.Time{} // what is due then is found when that has ended
	case c.newer.group != nil:
		return c.newer.group.Next()
	}
	return c.classic.Next()
}

// vacant tells whether the group is nothing but its name, or gone for good.
func (c *core) vacant() bool {
	if len(c.searches.parked) > 0 {
		return false
	}
	if c.newer.group != nil {
		return c.vacantNewer()
	}
	if c.classic.State() == classic.Dead {
		return true
	}
	return !c.classic.Recorded() && c.classic.Vacant() && c.keepsNothing()
}

// keepsNothing tells whether there are no offsets, nor any on their way.
func (c *core) keepsNothing() bool {
	return c.offsets.Len() == 0 && c.pending.Len() == 0 && len(c.open) == 0
}

func (c *core) summary() Summary {
	if c.newer.group != nil {
		return Summary{
			Group: c.id, ProtocolType: classic.ConsumerType, State: c.newer.group.State().String(), Type: "consumer",
			Members: c.newer.group.Size(), Epoch: c.newer.group.Epoch(),
		}
	}
	return Summary{
		Group: c.id, ProtocolType: c.classic.ProtocolType(), State: c.classic.State().String(), Type: "classic",
		Members: c.classic.Size(), Epoch: c.classic.Generation(),
	}
}

func (c *core) answer(t classic.Ticket, code protocol.Code, result any) {
	if t != 0 {
		c.answers = append(c.answers, answer{t, code, result})
	}
}

// give hands records to the log.
func (c *core) give(what change, list []batch.Record) {
	c.last++
	c.open[c.last] = what
	c.writes = append(c.writes, write{c.last, list, what.in})
}

// settle takes over what the classic group has brought about.
func (c *core) settle() {
	if c.classic == nil {
		return
	}
	effects := c.classic.Take()
	for _, reply := range effects.Replies {
		c.answer(reply.Ticket, protocol.None, reply.Response)
	}
	for _, save := range effects.Saves {
		c.give(change{save: save.ID}, []batch.Record{records.GroupRecord(c.id, save.Value)})
	}
}

// take returns what is to be sent.
func (c *core) take() ([]answer, []write) {
	answers, writes := c.answers, c.writes
	c.answers, c.writes = nil, nil
	return answers, writes
}

// written makes true what has been committed, or tells why it was not.
func (c *core) written(now time.Time, m Written) {
	code := m.Code
	what, open := c.open[m.Token]
	if !open {
		return
	}
	delete(c.open, m.Token)
	switch {
	case what.save != 0:
		c.saved(now, what.save, codeOfSave(code))
		c.settle()
		return
	case what.newer:
		c.newerWritten(now, what, code, m.Offset)
		return
	case code == protocol.None:
		c.apply(now, what, m.Offset)
	case what.ends:
		c.ending = false
	}
	if what.plain {
		c.answer(what.ticket, code, nil)
		return
	}
	if code != protocol.None {
		for _, one := range what.puts {
			what.codes[one.item] = codeOfCommit(code)
		}
		if len(what.puts) == 0 {
			c.answer(what.ticket, code, nil)
			return
		}
	}
	c.answer(what.ticket, protocol.None, what.codes)
}

func (c *core) apply(now time.Time, what change, at int64) {
	for _, one := range what.puts {
		if one.offset.At = at; what.in != nil {
			c.pending.Put(what.in.ProducerID, one.at, one.offset)
		} else {
			c.offsets.Put(one.at, one.offset)
		}
	}
	for _, at := range what.removes {
		c.offsets.Remove(at)
		c.pending.Remove(at)
	}
	if what.ends {
		c.classic.Kill(now)
		c.settle()
	}
}

// codeOfSave and codeOfCommit are what clients are told of a record that is too large for the log.
func codeOfSave(code protocol.Code) protocol.Code {
	if code == protocol.MessageTooLarge {
		return protocol.UnknownServerError
	}
	return code
}

func codeOfCommit(code protocol.Code) protocol.Code {
	if code == protocol.MessageTooLarge {
		return protocol.InvalidCommitOffsetSize
	}
	return code
}
