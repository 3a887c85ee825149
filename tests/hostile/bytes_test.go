package hostile

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// greetings are what other protocols and scanners say first.
var greetings = map[string][]byte{
	"HTTP":          []byte("GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\n\r\n"),
	"TLS":           {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x5f, 0x5f},
	"SSH":           []byte("SSH-2.0-OpenSSH_9.6\r\n"),
	"zero size":     make([]byte, 64),
	"negative size": {0xff, 0xff, 0xff, 0xff, 0, 18, 0, 3},
	"largest size":  {0x7f, 0xff, 0xff, 0xff, 0, 18, 0, 3},
	"over limit":    binary.BigEndian.AppendUint32(nil, requestBytes+1),
	"only a size":   {0, 0, 0, 2, 0, 18},
}

// noise returns random bytes; the first one makes the size impossible now and then.
func noise(random *rand.Rand) []byte {
	b := make([]byte, 4+random.IntN(400))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// filled returns a request of which every field holds something and every array one element.
func filled(key, version int16) kmsg.Request {
	r := kmsg.RequestForKey(key)
	fill(reflect.ValueOf(r).Elem())
	r.SetVersion(version)
	return r
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Version" && name != "UnknownTags" && v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		n := 1
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n = 9
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i))
		}
	case reflect.String:
		v.SetString("hostile")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(1)
	}
}

// lies returns variations of a request that say something false about their own sizes: at every place of the
// body a giant count, as an int32 or as a varint, and the request cut off there. The frame size is right.
func lies(request []byte) [][]byte {
	const header = 4 + 8 + 2 + len("hostile")
	var all [][]byte
	for at := header; at < len(request); at++ {
		giant := slices.Clone(request)
		copy(giant[at:], []byte{0x7f, 0xff, 0xff, 0xff})
		varint := slices.Concat(request[:at], []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, request[at+1:])
		tags := slices.Concat(request[:at], []byte{0x90, 0x4e, 0x00, 0x00, 0x00, 0x00}, request[at+1:])
		for _, lie := range [][]byte{giant, varint, tags, request[:at:at]} {
			binary.BigEndian.PutUint32(lie[:4], uint32(len(lie)-4))
			all = append(all, lie)
		}
	}
	return all
}
