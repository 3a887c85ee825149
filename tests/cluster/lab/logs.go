package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Entry is a line of a node's log.
type Entry struct {
	At      time.Time // when it was read
	Line    string
	Level   string `json:"level"` // empty for what is no log entry, such as the trace of a crash
	Message string `json:"message"`
	Group   string `json:"group"`
	Term    uint64 `json:"term"`
}

// MetadataGroup is the name of the metadata's Raft group in the log.
const MetadataGroup = "meta"

func (n *Node) keep(line string) {
	entry := Entry{At: time.Now(), Line: line}
	_ = json.Unmarshal([]byte(line), &entry) // what is no JSON has no level
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries = append(n.entries, entry)
}

// Entries returns what the node has logged so far, over all its processes.
func (n *Node) Entries() []Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.entries[:len(n.entries):len(n.entries)]
}

// Elections returns the entries of all nodes that say that a replica became leader of the group.
func (c *Cluster) Elections(group string) []Entry {
	var found []Entry
	for _, n := range c.Nodes {
		for _, entry := range n.Entries() {
			if entry.Group == group && strings.HasPrefix(entry.Message, "became leader") {
				found = append(found, entry)
			}
		}
	}
	return found
}

// Expect allows warnings and errors whose message matches one of the regular expressions.
func (c *Cluster) Expect(messages ...string) {
	for _, message := range messages {
		c.warnings = append(c.warnings, regexp.MustCompile(message))
	}
}

// CheckLogs fails the test for every kind of warning that was not expected, with the first line of it.
func (c *Cluster) CheckLogs() {
	c.t.Helper()
	for _, n := range c.Nodes {
		first, counts := make(map[string]string), make(map[string]int)
		for _, entry := range n.Entries() {
			if c.harmless(entry) {
				continue
			}
			if counts[entry.Message]++; counts[entry.Message] == 1 {
				first[entry.Message] = entry.Line
			}
		}
		for message, line := range first {
			c.t.Errorf("node %d logged what nobody expected, %d times: %.2000s", n.ID, counts[message], line)
		}
	}
}

func (c *Cluster) harmless(entry Entry) bool {
	switch entry.Level {
	case "trace", "debug", "info":
		return true
	}
	for _, expected := range c.warnings {
		if entry.Level != "" && expected.MatchString(entry.Message) {
			return true
		}
	}
	return slices.ContainsFunc(c.lines, func(expected *regexp.Regexp) bool {
		return expected.MatchString(entry.Line)
	})
}

// keepLogs leaves the logs of a failed test where somebody can read them, with what the nodes know now.
func (c *Cluster) keepLogs() {
	dir, err := os.MkdirTemp("", "chronik-cluster-logs-")
	if err != nil {
		c.t.Error(err)
		return
	}
	for _, n := range c.Nodes {
		var b strings.Builder
		for _, entry := range n.Entries() {
			fmt.Fprintf(&b, "%s %s\n", entry.At.Format("15:04:05.000000"), entry.Line)
		}
		path := filepath.Join(dir, fmt.Sprintf("node%d.log", n.ID))
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			c.t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for _, n := range c.Running() {
		status, err := n.get(ctx, "/admin/status")
		if err != nil {
			status = []byte(err.Error())
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("status%d.json", n.ID)), status, 0o600); err != nil {
			c.t.Error(err)
		}
	}
	c.t.Logf("the logs are in %s, with what the nodes say of themselves", dir)
}
