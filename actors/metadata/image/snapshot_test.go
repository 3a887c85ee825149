package image_test

import (
	"errors"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

func TestSnapshotsThatBreakInvariantsAreRefused(t *testing.T) {
	good := func() *metadatapb.Snapshot {
		i, _ := apply(
			t,
			cluster(t, 2),
			create("a", topicID(1), nil, []int32{1}),
			create("b", topicID(2), nil, []int32{2}),
		)
		return i.Snapshot()
	}
	if _, err := image.FromSnapshot(good()); err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func(*metadatapb.Snapshot){
		"no next group":          func(s *metadatapb.Snapshot) { s.NextGroup = 1 },
		"negative producer id":   func(s *metadatapb.Snapshot) { s.NextProducerId = -1 },
		"topic twice":            func(s *metadatapb.Snapshot) { s.Topics[1].Name = "a" },
		"topic id twice":         func(s *metadatapb.Snapshot) { s.Topics[1].Id = s.Topics[0].Id },
		"reserved id":            func(s *metadatapb.Snapshot) { s.Topics[1].Id = make([]byte, 16) },
		"short id":               func(s *metadatapb.Snapshot) { s.Topics[1].Id = s.Topics[1].Id[:15] },
		"bad name":               func(s *metadatapb.Snapshot) { s.Topics[1].Name = "/" },
		"no partitions":          func(s *metadatapb.Snapshot) { s.Topics[1].Partitions = nil },
		"no replicas":            func(s *metadatapb.Snapshot) { s.Topics[1].Partitions[0].Replicas = nil },
		"group twice":            func(s *metadatapb.Snapshot) { s.Topics[1].Partitions[0].Group = s.Topics[0].Partitions[0].Group },
		"group of the metadata":  func(s *metadatapb.Snapshot) { s.Topics[1].Partitions[0].Group = 1 },
		"group not given out":    func(s *metadatapb.Snapshot) { s.Topics[1].Partitions[0].Group = s.NextGroup },
		"broker twice":           func(s *metadatapb.Snapshot) { s.Brokers[1].Id = s.Brokers[0].Id },
		"broker without a disk":  func(s *metadatapb.Snapshot) { s.Brokers[1].Directory = nil },
		"broker of negative id":  func(s *metadatapb.Snapshot) { s.Brokers[1].Id = -1 },
		"colliding topics":       func(s *metadatapb.Snapshot) { s.Topics[0].Name, s.Topics[1].Name = "x.y", "x_y" },
		"broker with no numbers": func(s *metadatapb.Snapshot) { s.Brokers[1].Incarnation = 0 },
	} {
		s := good()
		damage(s)
		if _, err := image.FromSnapshot(s); !errors.Is(err, metadatapb.ErrCorrupt) {
			t.Errorf("%s: got %v, want a corrupt snapshot", what, err)
		}
	}
}

// FuzzSnapshot feeds bytes to everything that reads snapshots. What is accepted restores to an image whose
// own snapshot restores to the same.
func FuzzSnapshot(f *testing.F) {
	i, _ := image.New().Apply(form("c"))
	i, _ = i.Apply(register(1, 1))
	i, _ = i.Apply(create("a.b", topicID(1), map[string]string{"x": "y"}, []int32{1}))
	i, _ = i.Apply(alterBroker("1", map[string]string{"x": "y"}))
	data, err := metadatapb.EncodeSnapshot(i.Snapshot())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[24:])
	f.Fuzz(func(t *testing.T, body []byte) {
		framed := metadatapb.FrameSnapshot(body)
		snapshot, err := metadatapb.DecodeSnapshot(framed)
		if err != nil {
			return
		}
		restored, err := image.FromSnapshot(snapshot)
		if err != nil {
			return
		}
		again, err := metadatapb.EncodeSnapshot(restored.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err = metadatapb.DecodeSnapshot(again)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := image.FromSnapshot(snapshot); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzCommand feeds bytes to the reader of commands and applies what is accepted: never a panic, and the
// result can always be stored.
func FuzzCommand(f *testing.F) {
	for _, command := range []*metadatapb.Command{
		form("c"), register(2, 1), unregister(1), create("x", topicID(3), map[string]string{"a": "b"}, []int32{1}),
		remove(topicID(1)), grow(topicID(1), 1, []int32{1}), alterTopic("a.b", map[string]string{"c": "d"}, "e"),
		alterBroker("", map[string]string{"c": "d"}), allocate(1, 10), setFeature("f", 1), expect(7),
		reassign(topicID(1), []int32{2}), reassign(topicID(1), nil), complete(topicID(1), 2<<32|1<<16|1),
	} {
		f.Add(metadatapb.EncodeCommand(command))
	}
	base, _ := image.New().Apply(form("c"))
	base, _ = base.Apply(register(1, 1))
	base, _ = base.Apply(register(2, 1))
	base, _ = base.Apply(create("a.b", topicID(1), nil, []int32{1}))
	base, _ = base.Apply(reassign(topicID(1), []int32{2}))
	f.Fuzz(func(t *testing.T, data []byte) {
		command, err := metadatapb.DecodeCommand(data)
		if err != nil {
			return
		}
		next, event := base.Apply(command)
		if event == nil || next.Version() != base.Version()+1 {
			t.Fatalf("%v gave %v at version %d", command, event, next.Version())
		}
		stored, err := metadatapb.EncodeSnapshot(next.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := metadatapb.DecodeSnapshot(stored)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := image.FromSnapshot(snapshot); err != nil {
			t.Fatalf("%v made an image that cannot be restored: %v", command, err)
		}
	})
}
