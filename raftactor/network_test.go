package raftactor

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
)

// A node whose server fails before it is bound would never be reached by a peer, and nobody would say so.
func TestAServerThatFailsBeforeItIsBoundIsBuiltAgain(t *testing.T) {
	w := plainWorld(t)
	taken, tries := errors.New("the address is taken"), 0
	listen := func(context.Context, string, string) (net.Listener, error) {
		if tries++; tries < 3 {
			panic("the server fails")
		}
		return nil, taken
	}
	var bound []server.Bound
	self := link.NewSelf(link.Hello{Node: 1})
	host := w.parent.Spawn(t, "networked", HostSpec(Config{
		WAL: w.wal, Janitor: w.tidy, Log: zerolog.Nop(),
		Network: &Network{
			Peers:  link.NewPeers(self, link.Options{}),
			Server: server.Config{Listen: listen, Self: self, Log: zerolog.Nop()},
		},
	}))
	subscribe := func() {
		host.Tell(Subscribe{Who: kit.AddressFor("subscriber", func(m any) {
			if one, is := m.(server.Bound); is {
				bound = append(bound, one)
			}
		})})
		w.Advance(time.Minute)
	}
	subscribe()
	if tries != 3 || len(bound) != 1 || !errors.Is(bound[0].Err, taken) {
		t.Errorf("got %+v after %d tries, want the third one told and no more", bound, tries)
	}
	subscribe() // whoever comes later hears it, too
	if tries != 3 || len(bound) != 2 || !errors.Is(bound[1].Err, taken) {
		t.Errorf("got %+v after %d tries, want the same told again", bound, tries)
	}
}
