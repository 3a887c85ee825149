package records

import (
	"encoding/hex"
	"reflect"
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
	for _, data := range [][]byte{nil, {0}, {0, 9, 0, 1, 'g'}, {0, 3, 0, 2, 'g'}, {0, 5, 0, 1, 'g'}, {0, 1, 0, 9}, {0, 2, 0, 9, 'g'}} {
		if key := Key(data); key != nil {
			t.Errorf("got %+v for % x, want nothing", key, data)
		}
	}
}

// The bytes follow Kafka's definitions of the messages by hand.
func TestRecordsOfConsumerGroupsHaveKafkasFormat(t *testing.T) {
	topic := TopicID{15: 7}
	const id = "00000000000000000000000000000007"
	some := Partitions{topic: {1, 2}}
	text := "x"
	for _, test := range []struct {
		key   ModernKey
		value []byte
		want  string
	}{
		{ModernKey{EpochKind, "g", ""}, EpochValue(5), "0003000167" + "0000" + "00000005" + "00"},
		{
			ModernKey{TopicsKind, "g", ""}, TopicsValue([]Topic{{"t", topic, 3}}),
			"0004000167" + "0000" + "02" + id + "0274" + "00000003" + "01" + "00" + "00",
		},
		{
			ModernKey{MemberKind, "g", "m"},
			MemberValue(&Member{RackID: &text, ClientID: "c", ClientHost: "h", Names: []string{"t"}, RebalanceMillis: 9}),
			"0005000167" + "00016d" + "0000" + "00" + "0278" + "0263" + "0268" + "020274" + "00" + "00000009" + "00" + "00",
		},
		{
			ModernKey{MemberKind, "g", "m"},
			MemberValue(&Member{Classic: &ClassicMember{6, []ClassicProtocol{{"r", []byte{1}}}}}),
			"0005000167" + "00016d" + "0000" + "00" + "00" + "01" + "01" + "01" + "00" + "00000000" + "00" +
				"01" + "00" + "0c" + "01" + "00000006" + "02" + "0272" + "0201" + "00" + "00",
		},
		{ModernKey{TargetEpochKind, "g", ""}, EpochValue(5), "0006000167" + "0000" + "00000005" + "00"},
		{
			ModernKey{TargetKind, "g", "m"}, TargetValue(some),
			"0007000167" + "00016d" + "0000" + "02" + id + "03" + "0000000100000002" + "00" + "00",
		},
		{
			ModernKey{CurrentKind, "g", "m"}, CurrentValue(&Current{3, 2, 1, some, nil}),
			"0008000167" + "00016d" + "0000" + "00000003" + "00000002" + "01" +
				"02" + id + "03" + "0000000100000002" + "00" + "01" + "00",
		},
		{
			ModernKey{RegexKind, "g", "a.*"}, RegexValue(&Regex{[]string{"ab"}, 4, 5}),
			"0010000167" + "0003612e2a" + "0000" + "02036162" + "0000000000000004" + "0000000000000005" + "00",
		},
	} {
		record := test.key.Record(test.value)
		if got := hex.EncodeToString(record.Key) + hex.EncodeToString(record.Value); got != test.want {
			t.Errorf("got %s for %+v, want %s", got, test.key, test.want)
		}
		if got := Key(record.Key); got != test.key {
			t.Errorf("got key %+v, want %+v", got, test.key)
		}
	}
}

func TestValuesOfConsumerGroupsAreReadAsTheyWereWritten(t *testing.T) {
	text, empty := "x", ""
	for _, want := range []Member{
		{ClientID: "c", ClientHost: "/h", Names: []string{"a", "b"}, RebalanceMillis: 5},
		{InstanceID: &text, RackID: &empty, Regex: &text, Assignor: &text},
		{Classic: &ClassicMember{45000, []ClassicProtocol{{"range", []byte{0, 1}}, {"sticky", []byte{}}}}},
	} {
		got, err := ReadMember(MemberValue(&want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	some := Partitions{{1}: {0, 5}, {2}: {3}}
	current := Current{4, -1, 2, some, Partitions{{3}: {1}}}
	if got, err := ReadCurrent(CurrentValue(&current)); err != nil || !reflect.DeepEqual(got, current) {
		t.Errorf("got %+v, %v, want %+v", got, err, current)
	}
	regex := Regex{[]string{"a", "b"}, 7, 1000}
	if got, err := ReadRegex(RegexValue(&regex)); err != nil || !reflect.DeepEqual(got, regex) {
		t.Errorf("got %+v, %v, want %+v", got, err, regex)
	}
	topics := []Topic{{"t", TopicID{1}, 3}, {"u", TopicID{2}, 1}}
	if got, err := ReadTopics(TopicsValue(topics)); err != nil || !reflect.DeepEqual(got, topics) {
		t.Errorf("got %+v, %v, want %+v", got, err, topics)
	}
	if got, err := ReadTarget(TargetValue(some)); err != nil || !got.Equal(some) {
		t.Errorf("got %+v, %v, want %+v", got, err, some)
	}
	// Kafka 4.1 and later add a hash of the topics as tagged field 0.
	hashed := append(EpochValue(9)[:6], 1, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	if got, err := ReadEpoch(hashed); err != nil || got != 9 {
		t.Errorf("got %d, %v, want 9", got, err)
	}
}

// FuzzValues reads bytes as each kind of value: no panic, and what is read is written and read again the same.
func FuzzValues(f *testing.F) {
	text := "x"
	f.Add(MemberValue(&Member{InstanceID: &text, Names: []string{"a"}, Classic: &ClassicMember{
		1, []ClassicProtocol{{"r", []byte{1}}},
	}}))
	f.Add(CurrentValue(&Current{1, 1, 0, Partitions{{1}: {0, 1}}, nil}))
	f.Add(RegexValue(&Regex{[]string{"ab"}, 4, 5}))
	f.Add(TopicsValue([]Topic{{"t", TopicID{1}, 3}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := ReadMember(data); err == nil {
			if again, err := ReadMember(MemberValue(&m)); err != nil || !reflect.DeepEqual(m, again) {
				t.Errorf("got %+v, %v, want %+v", again, err, m)
			}
		}
		if c, err := ReadCurrent(data); err == nil {
			if again, err := ReadCurrent(CurrentValue(&c)); err != nil || !reflect.DeepEqual(c, again) {
				t.Errorf("got %+v, %v, want %+v", again, err, c)
			}
		}
		if x, err := ReadRegex(data); err == nil {
			if again, err := ReadRegex(RegexValue(&x)); err != nil || !reflect.DeepEqual(x, again) {
				t.Errorf("got %+v, %v, want %+v", again, err, x)
			}
		}
		if topics, err := ReadTopics(data); err == nil {
			if again, err := ReadTopics(TopicsValue(topics)); err != nil || !reflect.DeepEqual(topics, again) {
				t.Errorf("got %+v, %v, want %+v", again, err, topics)
			}
		}
	})
}
