package metadata

import "github.com/chronik-go/chronik/actors/kit"

const (
	// blockSize is how many producer ids a broker takes from the metadata log at once, as in Kafka: a
	// thousand new producers cost one write.
	blockSize = 1000

	// maxWaitingForIDs bounds those who wait for a block.
	maxWaitingForIDs = 10_000
)

// producerIDs is this broker's block of producer ids and those who wait for the next one.
//
//	state     event            next
//	stocked   ask              stocked, or empty with the last id
//	empty     ask              asking: the asker waits
//	asking    ask              asking: the asker waits, or is refused when too many do
//	asking    block            stocked, or asking when more wait than the block has
//	asking    failure          empty: all who wait are refused
type producerIDs struct {
	next, end int64
	waiting   *kit.Postponed
	asking    bool
}

func newProducerIDs() producerIDs {
	return producerIDs{waiting: kit.NewPostponed(maxWaitingForIDs)}
}

// take returns the next id, or false when the block is used up.
func (p *producerIDs) take() (int64, bool) {
	if p.next == p.end {
		return 0, false
	}
	id := p.next
	p.next++
	return id, true
}

// ask answers a request, keeps it, or refuses it. It tells whether a block has to be asked for.
func (p *producerIDs) ask(m AllocateProducerID) (needBlock bool) {
	if id, ok := p.take(); ok {
		m.ReplyTo.Tell(ProducerIDAllocated{Token: m.Token, ID: id})
		return false
	}
	if !p.waiting.Add(m) {
		m.ReplyTo.Tell(ProducerIDAllocated{Token: m.Token, Err: errNoProducerIDs})
		return false
	}
	needBlock = !p.asking
	p.asking = true
	return needBlock
}

// stock takes a block and serves those who wait. It tells whether another block has to be asked for.
func (p *producerIDs) stock(first, count int64) (needBlock bool) {
	p.next, p.end, p.asking = first, first+count, false
	for _, message := range p.waiting.Take() {
		needBlock = p.ask(message.(AllocateProducerID)) || needBlock
	}
	return needBlock
}

// fail refuses those who wait; the next one to ask tries again.
func (p *producerIDs) fail() {
	p.asking = false
	p.stop(nil)
}

// stop refuses those who wait, but for the one whose message made the actor fail.
func (p *producerIDs) stop(failed any) {
	for _, message := range p.waiting.Take() {
		m := message.(AllocateProducerID)
		if !isAnswered(failed, m.ReplyTo, m.Token) {
			m.ReplyTo.Tell(ProducerIDAllocated{Token: m.Token, Err: errNoProducerIDs})
		}
	}
}
