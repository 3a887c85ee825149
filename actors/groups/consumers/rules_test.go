package consumers

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// configured returns the image after a config of a group was set.
func configured(t *testing.T, i *image.Image, group, name, value string) *image.Image {
	t.Helper()
	next, event := i.Apply(&metadatapb.Command{Kind: &metadatapb.Command_AlterConfig{
		AlterConfig: &metadatapb.AlterConfig{Group: group, Set: map[string]string{name: value}},
	}})
	if refused, is := event.(image.Rejected); is {
		t.Fatal(refused.Err)
	}
	return next
}

// TestAGroupWorksByItsOwnConfigs: its members hear of the interval with their next heartbeat and have the
// session from then on, also after the group was read from the log. Another group's configs do not count.
func TestAGroupWorksByItsOwnConfigs(t *testing.T) {
	s := newScene(t)
	current := image.New()
	s.core.settings.Image = func() *image.Image { return current }
	beat := func(epoch int32) int32 {
		t.Helper()
		one := s.ask(heartbeatOf("m1", epoch))
		return s.mustHeartbeat(s.commit(protocol.None)[one], protocol.None).HeartbeatIntervalMillis
	}
	if got := beat(0); got != 5000 {
		t.Fatalf("got %d ms, want the broker's 5000", got)
	}
	current = configured(t, current, "other", "consumer.heartbeat.interval.ms", "1000")
	if got := beat(1); got != 5000 {
		t.Fatalf("got %d ms, want the broker's 5000", got)
	}
	current = configured(t, current, "g", "consumer.heartbeat.interval.ms", "7000")
	current = configured(t, current, "g", "consumer.session.timeout.ms", "60000")
	if got, next := beat(1), s.core.next(); got != 7000 || next.Sub(s.now) != time.Minute {
		t.Fatalf("got %d ms and a session of %v, want 7000 and a minute", got, next.Sub(s.now))
	}
	s.reload()
	if next := s.core.next(); next.Sub(s.now) != time.Minute {
		t.Errorf("got a session of %v after the group was read, want a minute", next.Sub(s.now))
	}
	s.now = s.now.Add(50 * time.Second)
	s.core.tick(s.now)
	s.commit(protocol.None)
	s.mustBe("consumer", "Stable")
	s.now = s.now.Add(10 * time.Second)
	s.core.tick(s.now)
	s.commit(protocol.None)
	s.mustBe("consumer", "Empty")
}
