package groups

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Lag is what is left to read of one partition: everything from Current to End.
type Lag struct {
	Group, Topic string
	Partition    int32
	Current, End int64
}

func (l Lag) String() string {
	return fmt.Sprintf("%s %s %d %d %d %d", l.Group, l.Topic, l.Partition, l.Current, l.End, l.End-l.Current)
}

// WriteLags keeps what tools should report.
func WriteLags(file string, lags []Lag) error {
	text, err := json.Marshal(lags)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// ReadLags reads what WriteLags kept.
func ReadLags(files []string) (lags []Lag, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var some []Lag
		if err := json.Unmarshal(text, &some); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		lags = append(lags, some...)
	}
	return lags, nil
}

// consumerGroups is the official tool's main class.
const consumerGroups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

// OfficialLag runs kafka-consumer-groups and compares what it says. java is the command of a Java with the
// tools on its class path.
func OfficialLag(java []string, bootstrap string, want []Lag) error {
	words := append(slices.Clone(java[1:]), consumerGroups, "--bootstrap-server", bootstrap, "--describe", "--all-groups")
	tool := exec.Command(java[0], words...)
	var complaints bytes.Buffer
	tool.Stderr = &complaints
	output, err := tool.Output()
	if err != nil {
		return fmt.Errorf("%w: %s %s", err, output, complaints.String())
	}
	said := make(map[string]bool)
	for line := range strings.Lines(string(output)) {
		if fields := strings.Fields(line); len(fields) >= 6 {
			said[strings.Join(fields[:6], " ")] = true
		}
	}
	return missing(want, func(lag Lag) bool { return said[lag.String()] })
}

// missing compares what a tool said with all that it should have said.
func missing(want []Lag, said func(Lag) bool) error {
	var lacks []string
	for _, lag := range want {
		if !said(lag) {
			lacks = append(lacks, lag.String())
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("%d of %d lines are missing or differ, the first: %s", len(lacks), len(want), lacks[0])
	}
	return nil
}
