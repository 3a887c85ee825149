package protocol

import (
	"math/rand"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// newRand returns a source of randomness whose seed a failing test prints.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

// frameOf encodes a request as a client does, without the length prefix.
func frameOf(request kmsg.Request, correlationID int32, clientID string) []byte {
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))
	return formatter.AppendRequest(nil, request, correlationID)[4:]
}

// bodyOf encodes the body of a request alone.
func bodyOf(request kmsg.Request) []byte { return request.AppendTo(nil) }

// randomRequest fills a request of a key and version at random, unknown tagged fields included.
func randomRequest(r *rand.Rand, key, version int16) kmsg.Request {
	request := kmsg.RequestForKey(key)
	fill(r, reflect.ValueOf(request).Elem())
	request.SetVersion(version)
	return request
}

func fill(r *rand.Rand, v reflect.Value) {
	if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
		for i := r.Intn(3); i > 0; i-- {
			payload := make([]byte, r.Intn(5))
			tags.Set(uint32(1000+r.Intn(1000)), payload)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Field(i).CanSet() {
				fill(r, v.Field(i))
			}
		}
	case reflect.Pointer:
		if r.Intn(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		fillSlice(r, v)
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			fill(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(string(make([]byte, r.Intn(200))))
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.Int63n(128))
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(uint64(r.Intn(256)))
	default:
		panic("BUG: got a field of kind " + v.Kind().String() + ", want one that kmsg uses")
	}
}

func fillSlice(r *rand.Rand, v reflect.Value) {
	if r.Intn(4) == 0 {
		return // null where the schema allows it
	}
	count := r.Intn(4)
	if v.Type().Elem().Kind() == reflect.Uint8 {
		count = r.Intn(300)
	}
	v.Set(reflect.MakeSlice(v.Type(), count, count))
	for i := 0; i < count; i++ {
		fill(r, v.Index(i))
	}
}

// eachVersion calls check for every key and version that is served.
func eachVersion(check func(key, version int16)) {
	for _, row := range Versions() {
		for version := row.Min; version <= row.Max; version++ {
			if Supports(row.Key, version) {
				check(row.Key, version)
			}
		}
	}
}
