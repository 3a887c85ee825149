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

// Say prints one result as a line of JSON.
func Say(result any) error {
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%s\n", line)
	return err
}
