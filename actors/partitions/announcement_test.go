package partitions

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/storage/wal"
)

var announced = announcement{
	first: true,
	changes: []leadershipChange{
		{group: 2, epoch: 7, leads: true, inSync: []int32{1, 2, 300}},
		{group: math.MaxUint64, epoch: math.MaxInt32, leads: true, inSync: []int32{0}, learns: []int32{math.MaxInt32}},
		{group: 300, epoch: 1},
	},
}

// golden compares bytes that go to other nodes with what earlier builds sent.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got  %x\nwant %x", got, want)
	}
}

func TestAnnouncementsKeepTheirForm(t *testing.T) {
	golden(t, "announcement_v1", announced.encode())
	golden(t, "handover_v1", handover{group: 300, to: 2<<32 | 1<<16 | 3}.encode())
}

func TestAnnouncementsAreReadAsTheyWereWritten(t *testing.T) {
	for _, a := range []announcement{
		announced, {last: true, changes: []leadershipChange{}}, {ask: true, changes: []leadershipChange{}},
	} {
		got, err := decodeAnnouncement(a.encode())
		if err != nil || !reflect.DeepEqual(*got, a) {
			t.Fatalf("got %+v, %v, want %+v", got, err, a)
		}
	}
	want := handover{group: 9, to: math.MaxUint64}
	if got, err := decodeHandover(want.encode()); err != nil || got != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestAnnouncementOfANewerVersionIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty":          {},
		"version":        append([]byte{2}, announced.encode()[1:]...),
		"unknown flag":   {1, 8, 0},
		"cut":            announced.encode()[:9],
		"longer":         append(announced.encode(), 0),
		"hostile count":  {1, 0, 0xff, 0x1f},
		"too many":       {1, 0, 0x81, 0x20},
		"not ascending":  {1, 0, 1, 2, 7, 1, 2, 3, 3, 0},
		"unknown change": {1, 0, 1, 2, 7, 2},
	} {
		if got, err := decodeAnnouncement(data); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
	if _, err := decodeHandover([]byte{1, 2, 0, 0}); err == nil {
		t.Error("got no error for an unknown call")
	}
}

func TestManyChangesAreSplit(t *testing.T) {
	changes := make([]leadershipChange, 2*maxChanges+1)
	for i := range changes {
		changes[i] = leadershipChange{group: wal.GroupID(i + 2), epoch: 1}
	}
	for _, exchange := range []bool{true, false} {
		all := encodeAll(changes, exchange)
		if len(all) != 3 {
			t.Fatalf("got %d announcements, want 3", len(all))
		}
		var got []leadershipChange
		for i, data := range all {
			a, err := decodeAnnouncement(data)
			if err != nil {
				t.Fatal(err)
			}
			if a.first != (exchange && i == 0) || a.last != (exchange && i == 2) {
				t.Fatalf("announcement %d: got first %v, last %v", i, a.first, a.last)
			}
			got = append(got, a.changes...)
		}
		if !reflect.DeepEqual(got, changes) {
			t.Fatal("changes were lost")
		}
	}
	if all := encodeAll(nil, true); len(all) != 1 {
		t.Fatalf("got %d announcements of an exchange without changes, want 1", len(all))
	}
	if all := encodeAll(nil, false); len(all) != 0 {
		t.Fatalf("got %d announcements of no change, want none", len(all))
	}
}

func TestOnlyWhatTheNodeKnowsBestIsAnnounced(t *testing.T) {
	for name, test := range map[string]struct {
		l    partition.Leadership
		told bool
	}{
		"leads and is ready":      {partition.Leadership{Node: 1, Epoch: 3, Ready: true}, true},
		"elected, not ready":      {partition.Leadership{Node: 1, Epoch: 3}, false},
		"another one leads":       {partition.Leadership{Node: 2, Epoch: 3, Ready: true}, false},
		"nobody leads any longer": {partition.Leadership{Node: partition.NoLeader, Epoch: 3}, true},
	} {
		if _, told := changeOf(2, &test.l, 1); told != test.told {
			t.Errorf("%s: got %v", name, told)
		}
	}
}

func FuzzAnnouncement(f *testing.F) {
	f.Add(announced.encode())
	f.Add((&announcement{first: true, last: true}).encode())
	f.Add([]byte{1, 0, 0xff, 0x1f, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeAnnouncement(data)
		if err != nil {
			return
		}
		if again := a.encode(); !bytes.Equal(again, data) {
			t.Fatalf("%x is read like %x", data, again)
		}
	})
}
