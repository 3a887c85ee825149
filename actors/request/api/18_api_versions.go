package api

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

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
	addFeatures(env, response)
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

// addFeatures tells the features of the cluster. Level 0 means that a feature is off, and off is the same
// as absent. Every broker supports what is finalized, from level 1 on; it would not run otherwise. So the
// rule of version 4, to hide features with a lowest level of 0 from older clients, has nothing to hide.
func addFeatures(env *request.Env, response *kmsg.ApiVersionsResponse) {
	current := env.Image()
	response.FinalizedFeaturesEpoch = int64(current.Version())
	for name, level := range current.Features() {
		if level <= 0 {
			continue
		}
		finalized := kmsg.NewApiVersionsResponseFinalizedFeature()
		finalized.Name, finalized.MinVersionLevel, finalized.MaxVersionLevel = name, int16(level), int16(level)
		response.FinalizedFeatures = append(response.FinalizedFeatures, finalized)
		supported := kmsg.NewApiVersionsResponseSupportedFeature()
		supported.Name, supported.MinVersion, supported.MaxVersion = name, 1, int16(level)
		response.SupportedFeatures = append(response.SupportedFeatures, supported)
	}
	slices.SortFunc(response.FinalizedFeatures, func(a, b kmsg.ApiVersionsResponseFinalizedFeature) int {
		return strings.Compare(a.Name, b.Name)
	})
	slices.SortFunc(response.SupportedFeatures, func(a, b kmsg.ApiVersionsResponseSupportedFeature) int {
		return strings.Compare(a.Name, b.Name)
	})
}
