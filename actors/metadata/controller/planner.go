package controller

import (
	"fmt"
	"io"
	"strings"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// MaxPartitions bounds the partitions that one request may make, as Kafka's controller does.
const MaxPartitions = 10_000

// Planner turns requests into commands. It has no state of its own.
type Planner struct {
	broker  int32
	static  map[string]string
	random  io.Reader
	cluster Cluster
}

// Cluster is what a Planner knows of the brokers beyond the image: what is measured now. The functions may
// be nil, and are called on any goroutine.
type Cluster struct {
	Alive     func(broker int32) bool           // nil: all are
	Directory func(broker int32) (string, bool) // that a running broker has; nil: nothing is known
	Features  features.Ranges                   // that this program serves; nil: as package features has it
}

// NewPlanner returns the planner of a broker: static holds the configs of its configuration file by
// Kafka's names, random draws topic ids. It fails on static configs that the broker cannot work with.
func NewPlanner(broker int32, static map[string]string, random io.Reader) (*Planner, error) {
	if problems := config.CheckStatic(static); problems != nil {
		return nil, fmt.Errorf("broker configs: %s", strings.Join(problems, "; "))
	}
	return &Planner{broker: broker, static: static, random: random}, nil
}

// In returns the same planner among the brokers of a cluster.
func (p *Planner) In(cluster Cluster) *Planner {
	within := *p
	within.cluster = cluster
	return &within
}

// alive tells whether a broker is known to run.
func (p *Planner) alive(broker int32) bool { return p.cluster.Alive == nil || p.cluster.Alive(broker) }

// Plan is what comes of a request.
type Plan struct {
	// Command is to be proposed; nil when there is nothing to change.
	Command *metadatapb.Command
	// Next is the image after the command and Event what it changes. Without a command they are the image
	// as it is and what the request would have changed.
	Next  *image.Image
	Event image.Event
}

// Plan checks a request against the tail image. It panics on something that is no request.
func (p *Planner) Plan(tail *image.Image, request any) (Plan, error) {
	switch r := request.(type) {
	case CreateTopic:
		command, err := p.createTopic(tail, r)
		return finish(tail, command, err, r.ValidateOnly)
	case DeleteTopic:
		command, err := deleteTopic(tail, r)
		return finish(tail, command, err, false)
	case CreatePartitions:
		command, err := p.createPartitions(tail, r)
		return finish(tail, command, err, r.ValidateOnly)
	case AlterConfig:
		command, err := p.alterConfig(tail, r)
		return finish(tail, command, err, r.ValidateOnly)
	case RegisterBroker:
		command, err := p.registerBroker(tail, r)
		return finish(tail, command, err, false)
	case UnregisterBroker:
		command, err := unregisterBroker(tail, r)
		return finish(tail, command, err, false)
	case ExpectBroker:
		command, err := expectBroker(tail, r)
		return finish(tail, command, err, false)
	case ReassignPartition:
		command, err := reassignPartition(tail, r)
		return finish(tail, command, err, false)
	case ReassignPartitions:
		command, err := reassignPartitions(tail, r)
		return finish(tail, command, err, false)
	case CompleteReassignment:
		return completeReassignment(tail, r)
	case AllocateProducerIDs:
		command, err := allocateProducerIDs(tail, r)
		return finish(tail, command, err, false)
	case UpdateFeatures:
		command, err := p.updateFeatures(tail, r)
		return finish(tail, command, err, r.ValidateOnly)
	case FormCluster:
		command, err := formCluster(tail, r)
		return finish(tail, command, err, false)
	}
	panic(fmt.Sprintf("BUG: got request %T, want one of package controller", request))
}

// finish applies the command to the tail. The checks before it must have refused what the image rejects.
func finish(tail *image.Image, command *metadatapb.Command, err error, validateOnly bool) (Plan, error) {
	if err != nil {
		return Plan{}, err
	}
	next, event := tail.Apply(command)
	if rejected, is := event.(image.Rejected); is {
		panic(fmt.Sprintf("BUG: got %v for a checked command, want none", rejected.Err))
	}
	if validateOnly || changesNothing(command) {
		return Plan{Next: tail, Event: event}, nil
	}
	return Plan{Command: command, Next: next, Event: event}, nil
}

// changesNothing tells whether a command would leave the image as it is.
func changesNothing(command *metadatapb.Command) bool {
	alter, update := command.GetAlterConfig(), command.GetUpdateFeatures()
	return alter != nil && len(alter.GetSet()) == 0 && len(alter.GetRemove()) == 0 ||
		update != nil && len(update.GetFeatures()) == 0
}

// layers returns what gives a topic its defaults on this broker.
func (p *Planner) layers(i *image.Image, topic *image.Topic) config.Layers {
	return config.LayersOf(i, p.broker, p.static, topic)
}

func refuse(code protocol.Code, format string, args ...any) error {
	return protocol.Errorf(code, format, args...)
}
