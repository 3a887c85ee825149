package groups

import (
	"encoding/json"
	"fmt"
	"os/exec"
)

// topicLag is what kafkatop says of a topic that a group reads.
type topicLag struct {
	Partitions int
	Max        int64 `json:"lag_max"`
	Min        int64 `json:"lag_min"`
}

// KafkatopLag runs kafkatop, a tool of others, and compares the number of partitions and the largest and the
// smallest lag that it finds for each group and topic.
func KafkatopLag(program, bootstrap string, want []Lag) error {
	output, err := exec.Command(program, "--kafka-broker", bootstrap, "--summary-json", "--all").Output()
	if err != nil {
		return err
	}
	var said map[string]struct{ Topics map[string]topicLag }
	if err := json.Unmarshal(output, &said); err != nil {
		return fmt.Errorf("%w: %s", err, output[:min(len(output), 300)])
	}
	expected := make(map[[2]string]topicLag)
	for _, lag := range want {
		of, left := [2]string{lag.Group, lag.Topic}, lag.End-lag.Current
		known, found := expected[of]
		if !found {
			known = topicLag{Max: left, Min: left}
		}
		expected[of] = topicLag{known.Partitions + 1, max(known.Max, left), min(known.Min, left)}
	}
	for of, one := range expected {
		if got := said[of[0]].Topics[of[1]]; got != one {
			return fmt.Errorf("group %s: got %+v, want %+v", of[0], got, one)
		}
	}
	return nil
}
