package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/vfs"
)

// seedOf returns the seed of a random test: SEED from the environment, else a new one, printed.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("SEED=%d", seed)
	return seed
}

func newPlanner(t testing.TB, static map[string]string) *controller.Planner {
	t.Helper()
	planner, err := controller.NewPlanner(1, static, rand.NewChaCha8([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	return planner
}

func machineConfig(t testing.TB, fs vfs.FS) MachineConfig {
	return MachineConfig{FS: fs, Dir: "data/metadata", Planner: newPlanner(t, nil), Current: NewCurrent(),
		Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)}
}

func open(t testing.TB, config MachineConfig, state []byte) *Machine {
	t.Helper()
	m, err := OpenMachine(config, state)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// script prepares requests on a leader and returns the entries that they become.
func script(t testing.TB, m *Machine, requests ...any) []applier.Entry {
	t.Helper()
	preparer := m.Lead(1)
	var entries []applier.Entry
	for _, request := range requests {
		prepared := preparer.Prepare(request)
		if prepared.Err != nil || prepared.Data == nil {
			t.Fatalf("%+v: got %+v, want a proposal", request, prepared)
		}
		entries = append(
			entries,
			applier.Entry{Term: 1, Index: m.index + uint64(len(entries)) + 1, Data: prepared.Data},
		)
	}
	return entries
}

func born() []any {
	return []any{controller.FormCluster{ClusterID: "c"}, controller.RegisterBroker{ID: 1, Directory: [16]byte{1},
		Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "h", Port: 9092}}}}
}

func newTopic(name string) controller.CreateTopic {
	return controller.CreateTopic{
		Name:              name,
		Partitions:        controller.FromDefault,
		ReplicationFactor: controller.FromDefault,
	}
}

func stored(t testing.TB, i *image.Image) []byte {
	t.Helper()
	data, err := metadatapb.EncodeSnapshot(i.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMachinePublishesWhatItApplies(t *testing.T) {
	config := machineConfig(t, vfs.NewMem())
	m := open(t, config, nil)
	results, err := m.Apply(script(t, m, append(born(), newTopic("a"))...))
	if err != nil || len(results) != 3 {
		t.Fatalf("got %v, %v", results, err)
	}
	created, is := results[2].(image.TopicCreated)
	if !is || config.Current.Image().Topic("a") != created.Topic || config.Current.Image().ClusterID() != "c" {
		t.Errorf("got %#v, topic %v", results[2], config.Current.Image().Topic("a"))
	}
}

func TestRebuiltMachineDoesNotTakeThePublishedImageBack(t *testing.T) {
	config := machineConfig(t, vfs.NewMem())
	first := open(t, config, nil)
	entries := script(t, first, append(born(), newTopic("a"))...)
	if _, err := first.Apply(entries); err != nil {
		t.Fatal(err)
	}
	newest := config.Current.Image()
	again := open(t, config, nil)
	for _, entry := range entries {
		if _, err := again.Apply([]applier.Entry{entry}); err != nil {
			t.Fatal(err)
		}
		if config.Current.Image() != newest {
			t.Fatalf("published version %d after %d", config.Current.Image().Version(), newest.Version())
		}
	}
	if !bytes.Equal(stored(t, again.image), stored(t, newest)) {
		t.Error("the rebuilt machine has another image")
	}
}

func TestEntryOfANewerVersionStopsTheMachine(t *testing.T) {
	m := open(t, machineConfig(t, vfs.NewMem()), nil)
	entries := script(t, m, born()...)
	entries[1].Data = append([]byte{9}, entries[1].Data[1:]...)
	if _, err := m.Apply(entries); !errors.Is(err, metadatapb.ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

func TestPreparerWorksOnTheTail(t *testing.T) {
	m := open(t, machineConfig(t, vfs.NewMem()), nil)
	if _, err := m.Apply(script(t, m, born()...)); err != nil {
		t.Fatal(err)
	}
	preparer := m.Lead(2)
	if prepared := preparer.Prepare(newTopic("a")); prepared.Err != nil || prepared.Data == nil {
		t.Fatalf("got %+v", prepared)
	}
	prepared := preparer.Prepare(newTopic("a"))
	if protocol.CodeOf(prepared.Err) != protocol.TopicAlreadyExists || prepared.Data != nil {
		t.Errorf("second of two: %+v", prepared)
	}
	nothing := preparer.Prepare(controller.AlterConfig{Topic: "a"})
	if nothing.Err != nil || nothing.Data != nil || !nothing.Wait || nothing.Answer == nil {
		t.Errorf("a change of nothing must wait for what it was checked against: %+v", nothing)
	}
	if prepared := m.Lead(3).Prepare(newTopic("a")); prepared.Err != nil {
		t.Errorf("a new term knows what the last one only proposed: %v", prepared.Err)
	}
}

func TestOldSnapshotsGoAndOtherFilesStay(t *testing.T) {
	fs := vfs.NewMem()
	config := machineConfig(t, fs)
	m := open(t, config, nil)
	var last []byte
	for n := range 3 {
		requests := []any{newTopic(fmt.Sprint("t", n))}
		if n == 0 {
			requests = append(born(), requests...)
		}
		if _, err := m.Apply(script(t, m, requests...)); err != nil {
			t.Fatal(err)
		}
		last = persist(t, m)
	}
	for _, name := range []string{"notes.txt", "1.snapshot", fmt.Sprintf("%020d.snapshot.tmp", 1), fmt.Sprintf("%020d.snapshot", 99)} {
		if err := vfs.WriteFileSync(fs, path.Join(config.Dir, name), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	m.Checkpointed(last)
	names, err := fs.List(config.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		fmt.Sprintf("%020d.snapshot", m.index),
		fmt.Sprintf("%020d.snapshot", 99),
		"1.snapshot",
		"notes.txt",
	}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

// persist makes the present state of a machine durable.
func persist(t testing.TB, m *Machine) []byte {
	t.Helper()
	flush, err := m.Capture()
	if err != nil {
		t.Fatal(err)
	}
	state, err := flush()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestCaptureIsOfTheMomentItWasAskedFor(t *testing.T) {
	config := machineConfig(t, vfs.NewMem())
	m := open(t, config, nil)
	if _, err := m.Apply(script(t, m, born()...)); err != nil {
		t.Fatal(err)
	}
	flush, err := m.Capture()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Apply(script(t, m, newTopic("later"))); err != nil {
		t.Fatal(err)
	}
	state, err := flush()
	if err != nil {
		t.Fatal(err)
	}
	if restored := open(t, config, state); restored.image.Topic("later") != nil || restored.index != 2 {
		t.Errorf("the snapshot of 2 has what came after it; index %d", restored.index)
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	config := machineConfig(t, fs)
	m := open(t, config, nil)
	if _, err := m.Apply(script(t, m, born()...)); err != nil {
		t.Fatal(err)
	}
	state := persist(t, m)
	name := path.Join(config.Dir, fmt.Sprintf("%020d.snapshot", 2))
	good, err := vfs.ReadFile(fs, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{good[:len(good)-1], append(bytes.Clone(good), 0), flip(good, 30), {}} {
		if err := vfs.WriteFileSync(fs, name, damaged); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenMachine(config, state); !errors.Is(err, metadatapb.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
	}
	if err := fs.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMachine(config, state); !vfs.IsNotExist(err) {
		t.Errorf("got %v, want a missing file", err)
	}
	for _, state := range [][]byte{{}, {9}, append([]byte{2}, state[1:]...), state[:20]} {
		if _, err := OpenMachine(config, state); !errors.Is(err, errCheckpoint) {
			t.Errorf("%x: got %v, want a malformed checkpoint", state, err)
		}
	}
}

func flip(data []byte, at int) []byte {
	damaged := bytes.Clone(data)
	damaged[at] ^= 1
	return damaged
}

func TestFullDiskFailsTheFlushOnly(t *testing.T) {
	broken := errors.New("no space")
	fs := vfs.NewFaulty(vfs.NewMem(), vfs.FailFrom(vfs.OpSync, 0, broken))
	m := open(t, machineConfig(t, fs), nil)
	if _, err := m.Apply(script(t, m, born()...)); err != nil {
		t.Fatal(err)
	}
	flush, err := m.Capture()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flush(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Apply(script(t, m, newTopic("a"))); err != nil {
		t.Errorf("the machine stopped: %v", err)
	}
}

// TestSnapshotsSurviveCrashes applies random changes, takes checkpoints, and lets the machine lose power at
// random moments. A restart begins with the newest checkpoint whose flush returned, applies what came after
// it, and must end in the same image.
func TestSnapshotsSurviveCrashes(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range 20 {
		fs := vfs.NewMem()
		m := open(t, machineConfig(t, fs), nil)
		var log []applier.Entry
		var state []byte
		var from int // entries that the checkpoint covers
		for n := range 60 {
			requests := []any{newTopic(fmt.Sprint("t", n))}
			if n == 0 {
				requests = append(born(), requests...)
			} else if topic := m.image.Topic(fmt.Sprint("t", rng.IntN(n))); topic != nil && rng.IntN(3) == 0 {
				requests = []any{controller.DeleteTopic{ID: topic.ID}}
			}
			entries := script(t, m, requests...)
			if _, err := m.Apply(entries); err != nil {
				t.Fatal(err)
			}
			log = append(log, entries...)
			switch rng.IntN(6) {
			case 0:
				state, from = persist(t, m), len(log)
				m.Checkpointed(state)
			case 1:
				persist(t, m) // its checkpoint never reached the log
			case 2:
				fs = fs.CrashClone(rng)
				m = open(t, machineConfig(t, fs), state)
				if _, err := m.Apply(log[from:]); err != nil {
					t.Fatal(err)
				}
			}
		}
		fresh := open(t, machineConfig(t, vfs.NewMem()), nil)
		if _, err := fresh.Apply(log); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(stored(t, m.image), stored(t, fresh.image)) {
			t.Fatal("the image after crashes differs from that of the whole log")
		}
	}
}
