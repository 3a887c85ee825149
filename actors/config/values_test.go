package config

import (
	"strings"
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1048588": 1048588, "1_000": 1000, "64MiB": 64 << 20, "1.5GiB": 3 << 29, "10MB": 10e6, "7 KiB": 7 << 10,
		"12B": 12, "unlimited": Unlimited, "-1": Unlimited, "2TiB": 2 << 40,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-5", "9999999999GiB", "NaN", "1e300MiB", "MiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

func TestSizesAreWrittenAsTheyAreRead(t *testing.T) {
	for _, size := range []Size{0, 1, 1023, 1024, 1 << 20, 3 << 29, 1048588, Unlimited} {
		if got, err := ParseSize(size.String()); err != nil || got != size {
			t.Errorf("%d is written %q, read %d, %v", int64(size), size, int64(got), err)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "unlimited": Unlimited,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "-5s", "-2d", "999999999d", "d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %s", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ a, b string }{{"", ""}, {"abc", "abc"}} {
		if d := distance(test.a, test.b); d != 0 {
			t.Errorf("%q to %q: %d", test.a, test.b, d)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"kafka", "kakfa", 1}, {"kitten", "sitting", 3}, {"", "abc", 3}, {"ca", "abc", 3}} {
		if d := distance(test.a, test.b); d != test.want {
			t.Errorf("%q to %q: got %d, want %d", test.a, test.b, d, test.want)
		}
	}
	if near, found := nearest("zzzzzz", []string{"kafka"}); found {
		t.Errorf("%q is not near", near)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range Settings() {
		if s.Help == "" || s.Key == "" || strings.HasSuffix(s.Key, ".") || strings.Contains(s.Help, "|") {
			t.Errorf("%+v is not described", s)
		}
		for _, name := range append([]string{s.Key}, s.Env...) {
			if other, taken := seen[name]; taken {
				t.Errorf("%s names both %s and %s", name, other, s.Key)
			}
			seen[name] = s.Key
		}
	}
	if rows := strings.Count(Reference(), "\n"); rows != len(Settings())+2 {
		t.Errorf("the reference has %d lines for %d settings", rows, len(Settings()))
	}
}

// FuzzLoad hands any text to the loader: it may refuse it, but neither panic nor accept a configuration
// that changes when it is completed again.
func FuzzLoad(f *testing.F) {
	f.Add("node_id = 1\n[bind]\nkafka = '127.0.0.1'\n[[peers]]\nid = 1\n")
	f.Add("peers = [{id = 1}, 3]\nbind = {kafka = 'x', raft = {}}\n")
	f.Add("[log]\nretention_time = 'unlimited'\nsegment_bytes = '1.5MiB'\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, _, err := Load(Source{Path: "fuzz.toml", Text: []byte(text)})
		if err != nil {
			return
		}
		again := c
		if c.Bind.Metrics == "" {
			again.Bind.Metrics = off
		}
		if _, err := again.Complete(); err != nil || again.Bind != c.Bind || again.Advertise != c.Advertise {
			t.Errorf("completed again: %v\n%+v\n%+v", err, c, again)
		}
	})
}
