package protocol

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEveryRowHasASchemaAndAKmsgRequest(t *testing.T) {
	var last int16 = -1
	for _, row := range Versions() {
		if row.Key <= last {
			t.Errorf("key %d stands behind %d", row.Key, last)
		}
		last = row.Key
		request := kmsg.RequestForKey(row.Key)
		if request == nil || request.MaxVersion() < row.Max {
			t.Errorf("kmsg does not know %s version %d", kmsg.NameForKey(row.Key), row.Max)
		}
		if schemaOf(row.Key) == nil {
			t.Errorf("%s has no schema", kmsg.NameForKey(row.Key))
		}
	}
	if len(schemas) != len(Versions()) {
		t.Errorf("%d schemas for %d rows", len(schemas), len(Versions()))
	}
}

func TestSupports(t *testing.T) {
	for _, c := range []struct {
		key, version int16
		want         bool
	}{
		{0, 2, false}, {0, 3, true}, {0, 13, true}, {0, 14, false},
		{1, 3, false}, {1, 4, true}, {1, 18, true}, {1, 19, false},
		{18, 0, true}, {18, 4, true}, {18, 5, false},
		{4, 0, false}, {-1, 0, false}, {32767, 0, false}, {3, -1, false},
	} {
		if got := Supports(c.key, c.version); got != c.want {
			t.Errorf("Supports(%d, %d): got %v", c.key, c.version, got)
		}
	}
}

// librdkafka up to 2.10 switches a feature on only if single old versions lie inside the advertised range
// (rdkafka_feature.c): compression below zstd by Produce 0, message format v2 by Produce 3 and Fetch 4,
// zstd by Produce 7 and Fetch 10, the new throttle time by Produce 1-2 and Fetch 1 or later.
func TestAdvertisedRangesSwitchLibrdkafkaFeaturesOn(t *testing.T) {
	advertised := func(key, version int16) bool {
		row := rowOf(key)
		return row != nil && row.Min <= version && version <= row.Max
	}
	for _, c := range []struct{ key, version int16 }{
		{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 4}, {0, 7}, {1, 10}, {2, 1}, {3, 0}, {3, 2}, {18, 0}, {22, 0},
	} {
		if !advertised(c.key, c.version) {
			t.Errorf("%s %d is not advertised", kmsg.NameForKey(c.key), c.version)
		}
	}
}

func TestVersionsIsTheCallersSlice(t *testing.T) {
	Versions()[0].Max = 99
	if Versions()[0].Max == 99 {
		t.Error("the table changed")
	}
}
