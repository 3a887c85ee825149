package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/chronik-go/chronik/storage/wal"
)

var update = flag.Bool("update", false, "write testdata anew")

func pointer[T any](v T) *T { return &v }

// samples returns one item of each kind, and messages of raft with each of their fields.
func samples() []Item {
	hello := &Hello{
		Node: 2, Directory: "3f1c", Cluster: "blue", State: Founded, Raft: "127.0.0.1:9192", Build: "1.2", Feature: 1,
		Founders: []Founder{{Node: 1, Directory: "aa"}, {Node: -2, Directory: ""}}, Instance: 1 << 63,
	}
	full := &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), To: pointer(uint64(7)), From: pointer(uint64(8)), Term: pointer(uint64(9)),
		LogTerm: pointer(uint64(8)), Index: pointer(uint64(100)), Commit: pointer(uint64(0)), Vote: pointer(uint64(3)),
		RejectHint: pointer(uint64(4)), Context: []byte("context"), Reject: pointer(true),
		Snapshot: &raftpb.Snapshot{Data: []byte("data"), Metadata: &raftpb.SnapshotMetadata{Index: pointer(uint64(5))}},
		Entries: []*raftpb.Entry{
			{Type: raftpb.EntryNormal.Enum(), Term: pointer(uint64(8)), Index: pointer(uint64(101)), Data: []byte("first")},
			{Type: raftpb.EntryConfChangeV2.Enum(), Term: pointer(uint64(9)), Index: pointer(uint64(102))},
			{Type: raftpb.EntryNormal.Enum(), Term: pointer(uint64(9)), Index: pointer(uint64(110)), Data: bytes.Repeat([]byte("x"), small+1)},
		},
	}
	bare := &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), To: pointer(uint64(7)), From: pointer(uint64(8)), Reject: pointer(false)}
	return []Item{
		{Kind: Greet, Hello: hello},
		{Kind: Welcome, Hello: &Hello{State: Fresh}, Number: 77},
		{Kind: Refuse, Text: "no"},
		{Kind: Join, Number: 77},
		{Kind: Raft, Group: 1 << 40, Message: full},
		{Kind: Raft, Group: 3, Message: bare},
		{Kind: Ping, Number: 1_000_000},
		{Kind: Pong, Number: 1_000_000},
		{Kind: Call, Number: 5, Service: 1, Timeout: 3 * time.Second, Body: []byte("question")},
		{Kind: Return, Number: 5, Body: []byte("answer")},
		{Kind: Return, Number: 6, Failed: true, Text: "cannot"},
		{Kind: Notice, Service: 2},
		{Kind: Request, Hello: hello, Group: 9, Body: []byte("have")},
		{Kind: Piece, Body: bytes.Repeat([]byte("y"), 5000)},
	}
}

// render shows an item so that equal ones look equal.
func render(i Item) string {
	text := fmt.Sprintf("%d %t %d %d %d %v %q %x", i.Kind, i.Failed, i.Service, i.Group, i.Number, i.Timeout, i.Text, i.Body)
	if i.Hello != nil {
		text += fmt.Sprintf(" %+v", *i.Hello)
	}
	if i.Message != nil {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(i.Message)
		text += fmt.Sprintf(" %x %v", b, err)
	}
	return text
}

func encode(t testing.TB, items []Item) []byte {
	t.Helper()
	f := Frame{Items: items}
	out, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	b := out.Materialize()
	if len(b) != f.Size {
		t.Fatalf("got %d bytes and size %d", len(b), f.Size)
	}
	return b
}

// scatter cuts bytes into buffers at random places, as the network does.
func scatter(random *rand.Rand, b []byte) mem.BufferSlice {
	var out mem.BufferSlice
	for len(b) > 0 {
		n := 1 + random.IntN(len(b))
		out = append(out, mem.SliceBuffer(b[:n]))
		b = b[n:]
	}
	return out
}

func TestFramesComeBackAsTheyWere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	items := samples()
	frame := new(Frame) // used again and again, as readers do
	for range 300 {
		some := make([]Item, random.IntN(10))
		for i := range some {
			some[i] = items[random.IntN(len(items))]
		}
		if err := frame.decode(scatter(random, encode(t, some))); err != nil {
			t.Fatal(err)
		}
		if len(frame.Items) != len(some) {
			t.Fatalf("got %d items, want %d", len(frame.Items), len(some))
		}
		for i := range some {
			if got, want := render(frame.Items[i]), render(some[i]); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	}
}

// TestSizesAreUpperBounds: the bounds of outboxes and frames rest on them.
func TestSizesAreUpperBounds(t *testing.T) {
	for _, item := range samples() {
		if got := len(encode(t, []Item{item})); got > item.size()+maxPrefix || item.heads() > item.size() {
			t.Errorf("got %d bytes for kind %d, heads %d, size %d", got, item.Kind, item.heads(), item.size())
		}
	}
}

// TestBodiesAreNotCopied: what is sent of an entry is the log's own memory, and what is received of the
// entries of a message is one piece.
func TestBodiesAreNotCopied(t *testing.T) {
	item := samples()[4]
	f := Frame{Items: []Item{item}}
	out, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	large := item.Message.Entries[2].Data
	if last := out[len(out)-1].ReadOnlyData(); &last[0] != &large[0] || len(last) != len(large) {
		t.Fatal("got a copy of the data of an entry")
	}
	var received Frame
	if err := received.decode(out); err != nil {
		t.Fatal(err)
	}
	entries := received.Items[0].Message.Entries
	first := entries[0].Data
	if cap(first) != len(first) || &first[0] == &item.Message.Entries[0].Data[0] {
		t.Fatal("got the sender's memory, or room to write into the next entry")
	}
}

// TestEveryFieldOfAMessageIsKnown fails when raft gets a field that this format would lose.
func TestEveryFieldOfAMessageIsKnown(t *testing.T) {
	want := map[string]string{
		"raftpb.Message": "type to from term logTerm index entries commit snapshot reject rejectHint context vote responses",
		"raftpb.Entry":   "Type Term Index Data",
	}
	for _, m := range []proto.Message{new(raftpb.Message), new(raftpb.Entry)} {
		var names []string
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			names = append(names, string(fields.Get(i).Name()))
		}
		name := string(m.ProtoReflect().Descriptor().FullName())
		got := strings.Join(names, " ")
		for field := range strings.FieldsSeq(want[name]) {
			if !strings.Contains(got, field) {
				t.Errorf("%s has lost %s", name, field)
			}
		}
		if len(names) != len(strings.Fields(want[name])) {
			t.Errorf("got fields %s of %s, want %s", got, name, want[name])
		}
	}
}

// TestFramesOfThisVersionStayReadable compares with what the first build of this version has written.
func TestFramesOfThisVersionStayReadable(t *testing.T) {
	const file = "testdata/frame-1.hex"
	b := encode(t, samples())
	if *update {
		if err := os.WriteFile(file, []byte(hex.EncodeToString(b)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	if err := f.decode(mem.BufferSlice{mem.SliceBuffer(old)}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, b) || len(f.Items) != len(samples()) {
		t.Fatal("got other bytes than the first build: give the format another version")
	}
}

func TestDamagedFramesAreRefused(t *testing.T) {
	b := encode(t, samples())
	for n := range len(b) {
		if (&Frame{}).decode(mem.BufferSlice{mem.SliceBuffer(b[:n])}) == nil {
			t.Fatalf("got %d of %d bytes accepted", n, len(b))
		}
	}
	b[0] = 2
	if err := (&Frame{}).decode(mem.BufferSlice{mem.SliceBuffer(b)}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("got %v", err)
	}
}

// allocated returns how many bytes of memory were ever taken.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// FuzzFrame: whatever comes, nothing panics, memory stays in proportion to what came, and what is accepted is
// the same again when it is written and read.
func FuzzFrame(f *testing.F) {
	f.Add(encode(f, samples()))
	for _, item := range samples() {
		f.Add(encode(f, []Item{item}))
	}
	f.Add([]byte{1, 0x84, 0x80, 0x80, 0, byte(Piece), 0xff, 0xff, 0x3f})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		var frame Frame
		err := frame.decode(mem.BufferSlice{mem.SliceBuffer(b)})
		if taken := allocated() - before; taken > uint64(1<<20+400*len(b)) {
			t.Fatalf("got %d bytes taken for a frame of %d", taken, len(b))
		}
		if err != nil {
			return
		}
		var again Frame
		if err := again.decode(mem.BufferSlice{mem.SliceBuffer(encode(t, frame.Items))}); err != nil {
			t.Fatal(err)
		}
		for i := range frame.Items {
			if got, want := render(again.Items[i]), render(frame.Items[i]); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	for name, size := range map[string]int{"100": 100, "16KiB": 16 << 10} {
		kind, normal, term := raftpb.MsgApp, raftpb.EntryNormal, uint64(3)
		items := make([]Item, 16)
		for i := range items {
			index := uint64(i)
			items[i] = Item{Kind: Raft, Group: wal.GroupID(i), Message: &raftpb.Message{
				Type: &kind, To: &term, From: &term, Term: &term, LogTerm: &term, Index: &index,
				Entries: []*raftpb.Entry{{Type: &normal, Term: &term, Index: &index, Data: make([]byte, size)}},
			}}
		}
		b.Run("encode-"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				encode(b, items)
			}
		})
		out, _ := (&Frame{Items: items}).encode()
		b.Run("decode-"+name, func(b *testing.B) {
			b.ReportAllocs()
			f := new(Frame)
			for b.Loop() {
				if err := f.decode(out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
