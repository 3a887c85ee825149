package image

import "github.com/chronik-go/chronik/actors/metadata/image/features"

// Endpoint is where clients reach one listener of a broker.
type Endpoint struct {
	Listener         string
	Host             string
	Port             int32
	SecurityProtocol string // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
}

// Broker is a registered broker. Immutable.
type Broker struct {
	ID          int32
	Epoch       uint64 // the image version of its latest registration
	Incarnation uint32 // how many data directories it has had
	Directory   [16]byte
	Endpoints   []Endpoint
	Rack        string          // "" when unknown
	Raft        string          // address that the other brokers reach it at; "" on a cluster of one
	Joined      uint64          // the image version of its first registration
	Features    features.Ranges // that it serves; nil if it serves none
}

// ExpectedBroker is a broker that has been announced and has not registered yet.
type ExpectedBroker struct {
	ID          int32
	Raft, Kafka string // addresses
}

// Replica returns the Raft id of what the broker holds.
func (b *Broker) Replica() ReplicaID { return NewReplicaID(b.ID, b.Incarnation) }

// Endpoint returns where clients of a listener reach the broker. A broker without that listener answers
// with its first one, since a cluster is usually configured alike; false means it has none at all.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	if b == nil || len(b.Endpoints) == 0 {
		return Endpoint{}, false
	}
	for _, endpoint := range b.Endpoints {
		if endpoint.Listener == listener {
			return endpoint, true
		}
	}
	return b.Endpoints[0], true
}
