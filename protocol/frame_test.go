package protocol

import (
	"errors"
	"strings"
	"testing"
)

func TestFrameSize(t *testing.T) {
	for _, c := range []struct {
		prefix [4]byte
		want   int
		words  string
	}{
		{[4]byte{0, 0, 0, 1}, 1, ""},
		{[4]byte{0, 0, 3, 0xe8}, 1000, ""},
		{[4]byte{0, 0, 3, 0xe9}, 0, "larger than the limit of 1000"},
		{[4]byte{0x7f, 0xff, 0xff, 0xff}, 0, "larger"},
		{[4]byte{0, 0, 0, 0}, 0, "size 0"},
		{[4]byte{0xff, 0xff, 0xff, 0xff}, 0, "negative size -1"},
		{[4]byte{0x80, 0, 0, 0}, 0, "negative"},
		{[4]byte{'G', 'E', 'T', ' '}, 0, "larger"}, // a browser at the Kafka port
	} {
		got, err := FrameSize(c.prefix, 1000)
		if got != c.want {
			t.Errorf("% x: got %d, want %d", c.prefix, got, c.want)
		}
		var frameError *FrameError
		if refused := errors.As(err, &frameError); refused != (c.words != "") {
			t.Errorf("% x: got %v", c.prefix, err)
		} else if refused && !strings.Contains(err.Error(), c.words) {
			t.Errorf("% x: got %q, want %q", c.prefix, err, c.words)
		}
	}
}
