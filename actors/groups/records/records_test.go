package records

import (
	"encoding/hex"
	"testing"
)

// The bytes are what Kafka 4 writes: key version 1 and value version 3 of an offset, key version 2 of a group.
func TestRecordsHaveKafkasFormat(t *testing.T) {
	offset := Offset{Offset: 42, LeaderEpoch: 7, Metadata: "m", Committed: 1000, Expires: -1}
	record := OffsetRecord(OffsetKey{Group: "g", Topic: "t", Partition: 3}, &offset)
	if got, want := hex.EncodeToString(record.Key), "0001"+"000167"+"000174"+"00000003"; got != want {
		t.Errorf("got key %s, want %s", got, want)
	}
	want := "0003" + "000000000000002a" + "00000007" + "00016d" + "00000000000003e8"
	if got := hex.EncodeToString(record.Value); got != want {
		t.Errorf("got value %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(GroupRecord("g", nil).Key), "0002"+"000167"; got != want {
		t.Errorf("got key %s, want %s", got, want)
	}
}

func TestOffsetsAreReadAsTheyWereWritten(t *testing.T) {
	for _, want := range []Offset{
		{Offset: 42, LeaderEpoch: 7, Metadata: "m", Committed: 1000, Expires: -1},
		{Offset: 42, LeaderEpoch: -1, Committed: 1000, Expires: 2000}, // has no leader epoch
	} {
		record := OffsetRecord(OffsetKey{Group: "g", Topic: "t", Partition: 3}, &want)
		got, err := ReadOffset(record.Value)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if key := Key(record.Key); key != (OffsetKey{"g", "t", 3}) {
			t.Errorf("got key %+v", key)
		}
	}
}

func TestKeysThatAreNotKnownAreLeftAlone(t *testing.T) {
	for _, data := range [][]byte{nil, {0}, {0, 3, 0, 1, 'g'}, {0, 1, 0, 9}, {0, 2, 0, 9, 'g'}} {
		if key := Key(data); key != nil {
			t.Errorf("got %+v for % x, want nothing", key, data)
		}
	}
}

// The numbers are those of Java's Utils.abs(id.hashCode()) % 50.
func TestGroupsHaveThePartitionThatKafkaGivesThem(t *testing.T) {
	for group, want := range map[string]int32{
		"":                   0,
		"g":                  103 % 50,
		"ab":                 (97*31 + 98) % 50,
		"polygenelubricants": 0, // whose hash is the smallest integer
	} {
		if got := PartitionOf(group, 50); got != want {
			t.Errorf("got %d for %q, want %d", got, group, want)
		}
	}
	// String.hashCode of "\uD83D\uDE00" is 31 * 0xD83D + 0xDE00.
	if got, want := PartitionOf("\U0001F600", 50), int32((31*0xD83D+0xDE00)%50); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
