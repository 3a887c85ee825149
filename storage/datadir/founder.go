package datadir

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Founder is a node that a cluster begins with: its id and the id of its data directory, so that the same
// node with another disk is not taken for it.
type Founder struct {
	Node      int32
	Directory string
}

// maxFounders bounds how many are read: more nodes than any cluster begins with.
const maxFounders = 1000

// formatFounders returns "1:oFoBAm9dTbCUnMPJOFGHZg,2:...".
func formatFounders(founders []Founder) string {
	texts := make([]string, len(founders))
	for i, f := range founders {
		texts[i] = strconv.Itoa(int(f.Node)) + ":" + f.Directory
	}
	return strings.Join(texts, ",")
}

// parseFounders reads what formatFounders writes; nil for an empty text.
func parseFounders(text string) ([]Founder, error) {
	if text == "" {
		return nil, nil
	}
	texts := strings.SplitN(text, ",", maxFounders+1)
	founders := make([]Founder, len(texts))
	for i, one := range texts {
		node, directory, found := strings.Cut(one, ":")
		id, err := parseNodeID(node)
		if !found || err != nil {
			return nil, fmt.Errorf("%q is not a node id and a directory id", one)
		}
		founders[i] = Founder{Node: id, Directory: directory}
	}
	return founders, checkFounders(founders)
}

// checkFounders refuses what would not come back from the file, or names a node twice.
func checkFounders(founders []Founder) error {
	if len(founders) == 0 || len(founders) > maxFounders {
		return fmt.Errorf("%d founders, want 1 to %d", len(founders), maxFounders)
	}
	for i, f := range founders {
		switch {
		case f.Node < 0:
			return fmt.Errorf("%d is not a node id", f.Node)
		case f.Directory == "" || strings.TrimSpace(f.Directory) != f.Directory ||
			strings.ContainsAny(f.Directory, ",:=\r\n"):
			return fmt.Errorf("%q is not a directory id", f.Directory)
		case slices.ContainsFunc(founders[:i], func(other Founder) bool { return other.Node == f.Node }):
			return errors.New("node " + strconv.Itoa(int(f.Node)) + " is there twice")
		}
	}
	return nil
}
