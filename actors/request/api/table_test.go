package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// What is advertised is served, and the reverse. Produce and Fetch have actors of their own.
func TestEveryServedKeyHasAHandler(t *testing.T) {
	elsewhere := map[int16]bool{kmsg.Produce.Int16(): true, kmsg.Fetch.Int16(): true}
	served := make(map[int16]bool)
	for _, row := range protocol.Versions() {
		served[row.Key] = true
		if _, here := byKey[row.Key]; here == elsewhere[row.Key] {
			t.Errorf("%s: handler here: %v", kmsg.NameForKey(row.Key), here)
		}
	}
	for key, h := range byKey {
		if !served[key] {
			t.Errorf("%s has a handler and is not advertised", kmsg.NameForKey(key))
		}
		if h.immediate == nil && h.waiting == nil {
			t.Errorf("%s has an empty handler", kmsg.NameForKey(key))
		}
	}
}
