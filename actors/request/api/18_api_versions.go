package api

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// ApiVersions, versions 0-4
//
//	1    throttle time
//	3    flexible, but for the response header; the client names its software (KIP-511); features (KIP-584)
//	4    features whose lowest level is 0 (KAFKA-17011)
//
// A version that is not served never gets here: the connection answers it in version 0 with
// UNSUPPORTED_VERSION.

func apiVersions(env *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.ApiVersionsRequest)
	response := kmsg.NewPtrApiVersionsResponse()
	named := namesSoftware(body.ClientSoftwareName) && namesSoftware(body.ClientSoftwareVersion)
	if body.Version >= 3 && !named {
		response.ErrorCode = int16(protocol.InvalidRequest)
		return response
	}
	served := protocol.Versions()
	response.ApiKeys = make([]kmsg.ApiVersionsResponseApiKey, len(served))
	for i, row := range served {
		one := kmsg.NewApiVersionsResponseApiKey()
		one.ApiKey, one.MinVersion, one.MaxVersion = row.Key, row.Min, row.Max
		response.ApiKeys[i] = one
	}
	addFeatures(env, response, body.Version)
	return response
}

// namesSoftware tells whether a text has the form of KIP-511: letters, digits, dots and dashes, and at both
// ends a letter or digit.
func namesSoftware(text string) bool {
	for i := range len(text) {
		c := text[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		inner := i > 0 && i < len(text)-1 && (c == '.' || c == '-')
		if !alphanumeric && !inner {
			return false
		}
	}
	return text != ""
}

// addFeatures tells which levels this broker serves and which the cluster has finalized. Clients before
// version 4 cannot read a feature whose lowest level is 0, so they are not told of it.
func addFeatures(env *request.Env, response *kmsg.ApiVersionsResponse, version int16) {
	served := features.Supported()
	for _, name := range served.Names() {
		if version < 4 && served[name].Min == 0 {
			continue
		}
		one := kmsg.NewApiVersionsResponseSupportedFeature()
		one.Name, one.MinVersion, one.MaxVersion = name, int16(served[name].Min), int16(served[name].Max)
		response.SupportedFeatures = append(response.SupportedFeatures, one)
	}
	current := env.Image()
	levels := current.Features()
	response.FinalizedFeaturesEpoch = int64(current.Version())
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		one := kmsg.NewApiVersionsResponseFinalizedFeature()
		one.Name, one.MinVersionLevel, one.MaxVersionLevel = name, int16(levels[name]), int16(levels[name])
		response.FinalizedFeatures = append(response.FinalizedFeatures, one)
	}
}
