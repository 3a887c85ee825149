package disk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/node"
)

// refuse starts a server that must end by itself, with exit status 1 and words that help.
func refuse(t *testing.T, data string, words []string, env ...string) {
	t.Helper()
	address, err := node.FreeAddress()
	must(t, err)
	p, err := node.Launch(node.Options{Binary: binary, Data: data, Address: address, Env: append(env, small...)})
	must(t, err)
	select {
	case <-p.Exited():
	case <-time.After(patience):
		p.Kill()
		t.Fatalf("the server runs on\n%s", p.Log())
	}
	var exit *exec.ExitError
	if !errors.As(p.Err(), &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", p.Err())
	}
	for _, word := range words {
		if !strings.Contains(p.Log(), word) {
			t.Errorf("got no %q in\n%s", word, p.Log())
		}
	}
}

func TestDataDirectoriesOfOthersAreRefused(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	s.createTopic(topic)
	if message, err := s.produce(topic); err != nil {
		t.Fatal(err, message)
	}
	refuse(t, data, []string{"is in use by process", "stop it first"})
	s.Process.Kill()

	refuse(t, data, []string{"belongs to node 1, this is node 2", "set the node id to 1"}, "CHRONIK_NODE_ID=2")

	meta := filepath.Join(data, "meta.properties")
	ours, err := os.ReadFile(meta)
	must(t, err)
	newer := regexp.MustCompile(`(?m)^version=.*$`).ReplaceAll(ours, []byte("version=999"))
	if string(newer) == string(ours) {
		t.Fatalf("no version in %s", ours)
	}
	must(t, os.WriteFile(meta, newer, 0o600))
	refuse(t, data, []string{"newer version", "start that version or a later one"})

	must(t, os.WriteFile(meta, ours, 0o600))
	s.launch()
	if to := s.offset(-1); to != 1 {
		t.Errorf("got %d records after the refusals, want 1", to)
	}
}
