package image

import (
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// registerBroker takes note of a running broker. One that comes back on another data directory has lost
// what it held: it gets the next incarnation, and all its replicas get ids that were never used.
func (i *Image) registerBroker(c *metadatapb.RegisterBroker) (Event, error) {
	if c.GetId() < 0 || len(c.GetDirectory()) != 16 {
		return nil, conflict("broker %d with a directory id of %d bytes", c.GetId(), len(c.GetDirectory()))
	}
	previous := i.brokers[c.GetId()]
	broker := &Broker{
		ID:        c.GetId(),
		Epoch:     i.version,
		Directory: [16]byte(c.GetDirectory()),
		Endpoints: Endpoints(c.GetEndpoints()),
		Rack:      c.GetRack(),
		Raft:      c.GetRaft(),
		Joined:    i.version,
		Features:  Ranges(c.GetFeatures()),
	}
	if previous != nil {
		broker.Joined = previous.Joined
	}
	broker.Incarnation = i.incarnation(previous, broker, c.GetEmpty())
	if broker.Incarnation > maxIncarnation {
		return nil, conflict("broker %d has had %d data directories", broker.ID, maxIncarnation)
	}
	var topics []*Topic
	if broker.Incarnation > 1 && (previous == nil || previous.Incarnation != broker.Incarnation) {
		var err error
		if topics, err = i.replaceReplicas(broker); err != nil {
			return nil, err
		}
	}
	i.brokers = with(i.brokers, broker.ID, broker)
	if _, expected := i.expected[broker.ID]; expected {
		i.expected = without(i.expected, broker.ID)
	}
	if i.retired[broker.ID] != 0 {
		i.retired = without(i.retired, broker.ID)
	}
	return BrokerRegistered{Broker: broker, Previous: previous, Topics: topics}, nil
}

// incarnation counts the data directories of a broker. A founder that comes with nothing may have voted as
// the first incarnation before it lost its disk, although it has never registered.
func (i *Image) incarnation(previous, next *Broker, empty bool) uint32 {
	switch {
	case previous != nil && previous.Directory == next.Directory:
		return previous.Incarnation
	case previous != nil:
		return previous.Incarnation + 1
	case i.retired[next.ID] != 0:
		return i.retired[next.ID] + 1
	case empty && slices.Contains(i.founders, next.ID):
		return 2
	}
	return 1
}

// unregisterBroker forgets a broker, whether it is registered, only expected, or a founder that never came.
// Its incarnation is kept, so that it gets the next one if it ever comes back.
func (i *Image) unregisterBroker(c *metadatapb.UnregisterBroker) (Event, error) {
	id := c.GetId()
	if !i.Known(id) {
		return nil, conflict("broker %d is not registered", id)
	}
	broker := i.brokers[id]
	switch {
	case broker != nil:
		i.brokers = without(i.brokers, id)
		i.retired = with(i.retired, id, broker.Incarnation)
	case slices.Contains(i.founders, id):
		i.retired = with(i.retired, id, 1) // it may have voted
	}
	if broker == nil {
		broker = &Broker{ID: id}
	}
	if _, expected := i.expected[id]; expected {
		i.expected = without(i.expected, id)
	}
	i.founders = slices.DeleteFunc(slices.Clone(i.founders), func(founder int32) bool { return founder == id })
	return BrokerUnregistered{Broker: broker}, nil
}

func (i *Image) expectBroker(c *metadatapb.Expected) (Event, error) {
	expected := expectedFrom(c)
	if expected.ID < 0 || i.brokers[expected.ID] != nil {
		return nil, conflict("broker %d is registered or has no id", expected.ID)
	}
	i.expected = with(i.expected, expected.ID, expected)
	return BrokerExpected{Expected: expected}, nil
}

func expectedFrom(stored *metadatapb.Expected) ExpectedBroker {
	return ExpectedBroker{ID: stored.GetId(), Raft: stored.GetRaft(), Kafka: stored.GetKafka()}
}

func expectedTo(expected ExpectedBroker) *metadatapb.Expected {
	return &metadatapb.Expected{Id: expected.ID, Raft: expected.Raft, Kafka: expected.Kafka}
}
