package config

import (
	"fmt"
	"slices"
	"strings"
)

// Source is everything a configuration is made from.
type Source struct {
	Path    string            // name of the file, for messages; empty without a file
	Text    []byte            // its content
	Environ []string          // "NAME=value", as os.Environ gives them
	Flags   map[string]string // key to value, only what was given on the command line
}

// pathVariable names the configuration file in the environment. The program reads it before Load.
const pathVariable = "CHRONIK_CONFIG"

const peersVariable = "CHRONIK_CLUSTER_PEERS"

// mostBytes bounds the file, so that a wrong path to something large is found out at once.
const mostBytes = 1 << 20

// Load merges the sources over the defaults and returns the resolved configuration. Notes are sentences
// worth a log line each, such as the address that clients are told when none was configured. The error,
// if any, is *Error and lists every problem.
func Load(source Source) (Config, []string, error) {
	c := empty()
	var found problems
	switch {
	case source.Path == "":
	case len(source.Text) > mostBytes:
		reason := fmt.Sprintf("has %d bytes; a configuration has at most %d", len(source.Text), mostBytes)
		found.add(source.Path, "", reason)
	default:
		file := tomlFile{name: source.Path, config: &c, problems: &found}
		file.apply(source.Text)
	}
	notes := applyEnviron(&c, source.Environ, &found)
	applyFlags(&c, source.Flags, &found)
	if len(found) > 0 { // Values that did not parse would only cause further, confusing problems.
		return c, notes, &Error{Problems: found}
	}
	more, err := c.Complete()
	return c, append(notes, more...), err
}

// applyEnviron sets what the environment names. A later name of a setting does not override an earlier
// one: CHRONIK_ADVERTISE wins over CHRONIK_ADVERTISED_ADDR. A name that looks like a slip is only noted,
// since platforms put names of their own there: a Kubernetes service called chronik makes CHRONIK_PORT.
func applyEnviron(c *Config, environ []string, found *problems) []string {
	values := make(map[string]string)
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, "CHRONIK_") && value != "" {
			values[name] = value
		}
	}
	known := []string{pathVariable, peersVariable}
	for _, s := range settings {
		known = append(known, s.Env...)
		for _, name := range s.Env {
			if value, ok := values[name]; ok {
				if err := s.set(c, value); err != nil {
					found.add("environment "+name, s.Key, err.Error())
				}
				break
			}
		}
	}
	if text, ok := values[peersVariable]; ok && len(c.Peers) == 0 {
		peers, err := parsePeers(text)
		if err != nil {
			found.add("environment "+peersVariable, peersKey, err.Error())
		}
		c.Peers = peers
	}
	return slips(values, known)
}

func slips(values map[string]string, known []string) []string {
	var notes []string
	for name := range values {
		if slices.Contains(known, name) {
			continue
		}
		if near, ok := nearest(name, known); ok && distance(name, near) <= 2 {
			notes = append(notes, fmt.Sprintf("%s in the environment is not a setting; did you mean %s?", name, near))
		}
	}
	slices.Sort(notes)
	return notes
}

func applyFlags(c *Config, flags map[string]string, found *problems) {
	for _, s := range settings {
		if value, given := flags[s.Key]; given {
			if err := s.set(c, value); err != nil {
				found.add(s.Flag, s.Key, err.Error())
			}
		}
	}
}

// Path returns the file that the environment names, or an empty string.
func Path(environ []string) string {
	for _, pair := range environ {
		if value, found := strings.CutPrefix(pair, pathVariable+"="); found {
			return value
		}
	}
	return ""
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Origin string // "chronik.toml:12", "environment CHRONIK_BIND", "--bind" or empty
	Key    string // may be empty where the text is no TOML
	Reason string
}

func (p Problem) String() string {
	var parts []string
	for _, part := range []string{p.Origin, p.Key} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, p.Reason), ": ")
}

type problems []Problem

// mostProblems is how many are worth reporting; a file with more is not a configuration.
const mostProblems = 50

func (p *problems) full() bool { return len(*p) >= mostProblems }

func (p *problems) add(origin, key, reason string) {
	if p.full() {
		return
	}
	*p = append(*p, Problem{Origin: origin, Key: key, Reason: reason})
}

// Error is a configuration that cannot be used.
type Error struct{ Problems []Problem }

// Error returns one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}
