package broker

import (
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
)

// Props returns how an application spawns a node among its own actors, in its own protoactor system:
//
//	pid, err := system.Root.SpawnNamed(broker.Props(settings, broker.WithLogger(log)), "kafka")
//
// Any number of nodes can live in one process. The configuration is completed and checked here; what is wrong
// with it is told to whoever sends Await, and fails the actor. The actor takes Await, Stop, Subscribe,
// Produce, Request, Fetch, Watch, Next and Unwatch, and answers whoever requested it.
//
// It stops when the node has stopped after a Stop. When the host stops it without asking, the node is taken
// apart at once: nothing acked is lost, the next start replays the log. When the node cannot go on it fails,
// and the supervisor of the host decides: a restart builds the node anew from its data directory.
func Props(settings config.Config, options ...Option) *kit.HostProps {
	o := Options{Config: settings}
	for _, change := range options {
		change(&o)
	}
	_, wrong := o.Config.Complete()
	if o.Name == "" {
		o.Name = "broker"
	}
	live := func(fail func(error)) (kit.SystemConfig, func(*kit.System) kit.Spec) {
		life := o // with a registry of its own
		life.complete()
		return life.system(), func(s *kit.System) kit.Spec { return spec(s, life, fail, wrong) }
	}
	return kit.Embedding{Name: o.Name, Live: live}.Props()
}
