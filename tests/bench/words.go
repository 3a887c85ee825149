package bench

import (
	"encoding/json"
	"fmt"
	"os"
)

// Served is what the floor says on its first line.
type Served struct {
	Addr string `json:"addr"`
}

// Moved is what the client says at the end of producing or consuming.
type Moved struct {
	Records int64   `json:"records"`
	Bytes   int64   `json:"bytes"` // of record values
	Seconds float64 `json:"seconds"`
}

// Small is what the client says after sending small requests, and the floor after syncing.
type Small struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
}

// Rate returns the requests per second.
func (s Small) Rate() float64 { return float64(s.Requests) / s.Seconds }

// Held is what the client says when all its idle connections are open.
type Held struct {
	Connections int `json:"connections"`
}

// Latency is a spread of times.
type Latency struct {
	P50  float64 `json:"p50_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p999_us"`
	Max  float64 `json:"max_us"`
}

// Paced is what the client says after sending at a fixed rate and receiving.
type Paced struct {
	Sent    int     `json:"sent"`
	Lost    int     `json:"lost"`   // not received within the time
	Failed  int     `json:"failed"` // refused by the broker
	Seconds float64 `json:"seconds"`
	Latency Latency `json:"latency"` // from when a record was due until it was received
}

// Acked is what the client says when a record has been acknowledged, or when it begins to look.
type Acked struct {
	UnixNano int64 `json:"unix_nano"`
}

// Say prints one result as a line of JSON.
func Say(result any) error {
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%s\n", line)
	return err
}
