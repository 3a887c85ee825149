package api

import (
	"maps"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

func versionsRequest(version int16, name, softwareVersion string) *kmsg.ApiVersionsRequest {
	r := kmsg.NewPtrApiVersionsRequest()
	r.Version, r.ClientSoftwareName, r.ClientSoftwareVersion = version, name, softwareVersion
	return r
}

func TestApiVersionsTellsTheOneTable(t *testing.T) {
	h := newHost(t)
	for version := int16(0); version <= 4; version++ {
		got := ask[*kmsg.ApiVersionsResponse](h, versionsRequest(version, "test", "1.0"))
		wantCode(t, "versions", got.ErrorCode, protocol.None)
		want := protocol.Versions()
		if len(got.ApiKeys) != len(want) {
			t.Fatalf("version %d: got %d rows, want %d", version, len(got.ApiKeys), len(want))
		}
		for i, row := range got.ApiKeys {
			if (protocol.APIVersion{Key: row.ApiKey, Min: row.MinVersion, Max: row.MaxVersion}) != want[i] {
				t.Errorf("version %d: got %+v, want %+v", version, row, want[i])
			}
		}
	}
}

// A feature that is off at its lowest level would end older clients (KAFKA-17492).
func TestApiVersionsTellsFeatures(t *testing.T) {
	h := newHost(t)
	levels := map[string]int32{"b.feature": 2, "a.feature": 1, "off": 0}
	h.apply(&metadatapb.Command{Kind: &metadatapb.Command_UpdateFeatures{UpdateFeatures: image.LevelsProto(levels)}})
	for version := int16(3); version <= 4; version++ {
		got := ask[*kmsg.ApiVersionsResponse](h, versionsRequest(version, "test", "1.0"))
		if len(got.FinalizedFeatures) != 2 || got.FinalizedFeatures[0].Name != "a.feature" ||
			got.FinalizedFeatures[1].MaxVersionLevel != 2 || got.FinalizedFeatures[1].MinVersionLevel != 2 {
			t.Errorf("got finalized %+v", got.FinalizedFeatures)
		}
		told := features.Ranges{}
		for _, one := range got.SupportedFeatures {
			told[one.Name] = features.Range{Min: int32(one.MinVersion), Max: int32(one.MaxVersion)}
		}
		want := features.Supported()
		maps.DeleteFunc(want, func(_ string, r features.Range) bool { return version < 4 && r.Min == 0 })
		if !maps.Equal(told, want) || len(want) == 0 {
			t.Errorf("version %d: got supported %v, want %v", version, told, want)
		}
		if got.FinalizedFeaturesEpoch != int64(h.image.Version()) {
			t.Errorf("got epoch %d, want %d", got.FinalizedFeaturesEpoch, h.image.Version())
		}
	}
}

// KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
func TestApiVersionsChecksTheNameOfTheSoftware(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct {
		text string
		want protocol.Code
	}{
		{"a", protocol.None},
		{"apache-kafka-java", protocol.None},
		{"4.3.1-rc.1", protocol.None},
		{"", protocol.InvalidRequest},
		{"-a", protocol.InvalidRequest},
		{"a-", protocol.InvalidRequest},
		{".", protocol.InvalidRequest},
		{"a b", protocol.InvalidRequest},
		{"a_b", protocol.InvalidRequest},
		{"ä", protocol.InvalidRequest},
		{"a\n", protocol.InvalidRequest},
	} {
		name := ask[*kmsg.ApiVersionsResponse](h, versionsRequest(3, c.text, "1"))
		wantCode(t, "name "+c.text, name.ErrorCode, c.want)
		version := ask[*kmsg.ApiVersionsResponse](h, versionsRequest(4, "x", c.text))
		wantCode(t, "version "+c.text, version.ErrorCode, c.want)
		if c.want != protocol.None && len(name.ApiKeys) != 0 {
			t.Errorf("%q: got versions with an error", c.text)
		}
	}
	if got := ask[*kmsg.ApiVersionsResponse](h, versionsRequest(2, "", "")); got.ErrorCode != 0 {
		t.Error("version 2 has no software, so there is nothing to check")
	}
}
