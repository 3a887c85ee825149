package metadatapb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// update rewrites the files of testdata. They are what version 1 wrote: a change that needs it breaks
// everybody who has data.
var update = flag.Bool("update", false, "rewrite testdata")

func commands() map[string]*Command {
	id := []byte("0123456789abcdef")
	return map[string]*Command{
		"form_cluster": {Kind: &Command_FormCluster{FormCluster: &FormCluster{
			ClusterId: "AbCdEfGhIjKlMnOpQrStUv", Features: map[string]int32{"b": 2, "a": 1}}}},
		"register_broker": {Kind: &Command_RegisterBroker{RegisterBroker: &RegisterBroker{Id: 7, Directory: id,
			Endpoints: []*Endpoint{{Listener: "PLAINTEXT", Host: "h", Port: 9092, SecurityProtocol: "PLAINTEXT"}},
			Rack:      "r"}}},
		"form_cluster_founders": {Kind: &Command_FormCluster{FormCluster: &FormCluster{
			ClusterId: "AbCdEfGhIjKlMnOpQrStUv", Founders: []int32{1, 2, 3}}}},
		"register_broker_raft": {Kind: &Command_RegisterBroker{RegisterBroker: &RegisterBroker{Id: 7, Directory: id,
			Raft: "h:5", Empty: true}}},
		"unregister_broker": {Kind: &Command_UnregisterBroker{UnregisterBroker: &UnregisterBroker{Id: 7}}},
		"create_topic": {Kind: &Command_CreateTopic{CreateTopic: &CreateTopic{Name: "orders", Id: id,
			Partitions: []*Assignment{{Brokers: []int32{1, 2}}, {Brokers: []int32{2, 1}}},
			Configs:    map[string]string{"retention.ms": "1", "cleanup.policy": "compact"}}}},
		"delete_topic": {Kind: &Command_DeleteTopic{DeleteTopic: &DeleteTopic{Id: id}}},
		"create_partitions": {Kind: &Command_CreatePartitions{CreatePartitions: &CreatePartitions{Id: id, From: 2,
			Partitions: []*Assignment{{Brokers: []int32{1}}}}}},
		"alter_config": {Kind: &Command_AlterConfig{AlterConfig: &AlterConfig{Resource: Resource_RESOURCE_TOPIC,
			Name: "orders", Set: map[string]string{"a": "1", "b": "2"}, Remove: []string{"c"}}}},
		"alter_config_group": {Kind: &Command_AlterConfig{AlterConfig: &AlterConfig{Group: "billing",
			Set: map[string]string{"a": "1"}}}},
		"allocate_producer_ids": {Kind: &Command_AllocateProducerIds{
			AllocateProducerIds: &AllocateProducerIds{Broker: 7, Count: 1000}}},
		"reassign_partitions": {Kind: &Command_ReassignPartitions{ReassignPartitions: &ReassignPartitions{Id: id,
			Partitions: []*Reassignment{{Partition: 1, Brokers: []int32{3, 2}}, {Partition: 2}}}}},
		"complete_reassignment": {Kind: &Command_CompleteReassignment{CompleteReassignment: &CompleteReassignment{
			Id: id, Partition: 1, Target: []uint64{1<<32 | 1, 2<<32 | 1<<16 | 1}}}},
		"expect_broker": {Kind: &Command_ExpectBroker{ExpectBroker: &ExpectBroker{
			Broker: &Expected{Id: 4, Raft: "h:5", Kafka: "h:9092"}}}},
		"update_features": {Kind: &Command_UpdateFeatures{UpdateFeatures: &UpdateFeatures{
			Features: []*Feature{{Name: "f", Level: 3}, {Name: "g"}}}}},
		"register_broker_features": {Kind: &Command_RegisterBroker{RegisterBroker: &RegisterBroker{Id: 7,
			Directory: id, Features: []*FeatureRange{{Name: "f", Min: 1, Max: 3}}}}},
	}
}

func snapshot() *Snapshot {
	return &Snapshot{ClusterId: "c", Version: 9, NextGroup: 4, NextProducerId: 1000,
		Brokers: []*Broker{{Id: 1, Epoch: 2, Incarnation: 1, Directory: []byte("0123456789abcdef")}},
		Topics: []*Topic{
			{
				Name:       "t",
				Id:         []byte("fedcba9876543210"),
				Partitions: []*Partition{{Group: 2, Replicas: []uint64{1<<32 | 1}}},
				Configs:    []*Config{{Name: "a", Value: "b"}},
			},
		},
		DefaultConfigs: []*Config{{Name: "x", Value: "y"}},
		BrokerConfigs:  []*BrokerConfigs{{Broker: 1, Configs: []*Config{{Name: "x", Value: "z"}}}},
		Features:       []*Feature{{Name: "f", Level: 1}},
	}
}

// clusterSnapshot has what only a cluster of several nodes has.
func clusterSnapshot() *Snapshot {
	return &Snapshot{ClusterId: "c", Version: 9, NextGroup: 4, Founders: []int32{1, 2, 3},
		Brokers: []*Broker{{Id: 1, Epoch: 2, Incarnation: 1, Directory: []byte("0123456789abcdef"), Raft: "h:5",
			Joined: 1}},
		Topics: []*Topic{{Name: "t", Id: []byte("fedcba9876543210"), Partitions: []*Partition{{Group: 2,
			Replicas: []uint64{1<<32 | 1, 4<<32 | 2<<16 | 1, 2<<32 | 1, 3<<32 | 1<<16 | 1},
			Founders: []uint64{1<<32 | 1, 2<<32 | 1}, Adding: []uint64{4<<32 | 2<<16 | 1},
			Removing: []uint64{2<<32 | 1, 3<<32 | 1<<16 | 1}, Aborted: []uint64{3<<32 | 1<<16 | 1},
			NextAddition: 3}}}},
		Expected: []*Expected{{Id: 5, Raft: "h:6", Kafka: "h:9093"}},
		Retired:  []*Retired{{Id: 6, Incarnation: 2}},
	}
}

// groupsSnapshot has consumer groups with configs.
func groupsSnapshot() *Snapshot {
	return &Snapshot{ClusterId: "c", Version: 9, NextGroup: 4, GroupConfigs: []*GroupConfigs{
		{Group: "billing", Configs: []*Config{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}},
		{Group: "mail", Configs: []*Config{{Name: "a", Value: "3"}}},
	}}
}

// featuresSnapshot has a broker that says which features it serves.
func featuresSnapshot() *Snapshot {
	return &Snapshot{ClusterId: "c", Version: 9, NextGroup: 2, Brokers: []*Broker{{Id: 1, Epoch: 2, Incarnation: 1,
		Directory: []byte("0123456789abcdef"), Features: []*FeatureRange{{Name: "f", Min: 1, Max: 3}}}}}
}

// golden compares bytes with what version 1 wrote.
func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	file := filepath.Join("testdata", name+".hex")
	if *update {
		if err := os.WriteFile(file, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %x, version 1 wrote %x", name, got, want)
	}
	return want
}

func TestCommandsReadWhatVersion1Wrote(t *testing.T) {
	for name, command := range commands() {
		decoded, err := DecodeCommand(golden(t, name, EncodeCommand(command)))
		if err != nil || !proto.Equal(decoded, command) {
			t.Errorf("%s: got %v, %v", name, decoded, err)
		}
	}
}

func TestSnapshotsReadWhatVersion1Wrote(t *testing.T) {
	for name, one := range map[string]*Snapshot{
		"snapshot": snapshot(), "snapshot_cluster": clusterSnapshot(), "snapshot_features": featuresSnapshot(),
		"snapshot_groups": groupsSnapshot(),
	} {
		data, err := EncodeSnapshot(one)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := DecodeSnapshot(golden(t, name, data))
		if err != nil || !proto.Equal(decoded, one) {
			t.Errorf("%s: got %v, %v", name, decoded, err)
		}
	}
}

func TestEveryKindOfCommandHasAFile(t *testing.T) {
	kinds := (&Command{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	for i := range kinds.Len() {
		if commands()[string(kinds.Get(i).Name())] == nil {
			t.Errorf("no example of %s", kinds.Get(i).Name())
		}
	}
}

func TestCommandsOfNewerVersionsAreRefused(t *testing.T) {
	good := EncodeCommand(commands()["create_topic"])
	newKind := protowire.AppendTag([]byte{1}, 99, protowire.BytesType)
	newKind = protowire.AppendBytes(newKind, []byte("x"))
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 77, protowire.VarintType), 1)
	newField := protowire.AppendBytes(protowire.AppendTag([]byte{1}, 5, protowire.BytesType), inner)
	nested := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), inner)
	newNested := protowire.AppendBytes(protowire.AppendTag([]byte{1}, 4, protowire.BytesType), nested)
	for what, data := range map[string][]byte{
		"version 2":    append([]byte{2}, good[1:]...),
		"new kind":     newKind,
		"new field":    newField,
		"nested field": newNested,
		"no kind":      {1},
	} {
		if _, err := DecodeCommand(data); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v, want ErrUnknown", what, err)
		}
	}
}

func TestDamagedCommandsAreRefused(t *testing.T) {
	good := EncodeCommand(commands()["create_topic"])
	for what, data := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-1], "huge": make([]byte, MaxCommandBytes+1),
	} {
		if _, err := DecodeCommand(data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", what, err)
		}
	}
}

func TestEveryDamagedByteOfASnapshotIsNoticed(t *testing.T) {
	good, err := EncodeSnapshot(snapshot())
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		data := bytes.Clone(good)
		data[at] ^= 0x40
		if _, err := DecodeSnapshot(data); err == nil {
			t.Errorf("byte %d may be anything", at)
		}
	}
	for _, length := range []int{0, 7, snapshotHeaderSize - 1, snapshotHeaderSize, len(good) - 1} {
		if _, err := DecodeSnapshot(good[:length]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: got %v", length, err)
		}
	}
	if _, err := DecodeSnapshot(FrameSnapshot(protowire.AppendVarint(
		protowire.AppendTag(nil, 99, protowire.VarintType), 1))); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown field: got %v", err)
	}
}

func TestEncodingIsDeterministic(t *testing.T) {
	for range 20 {
		for name, command := range commands() {
			golden(t, name, EncodeCommand(command))
		}
	}
}

func TestCommandWithoutKindIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	EncodeCommand(&Command{})
}
