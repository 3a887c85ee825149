package config

import (
	"slices"
	"strings"
)

// Type is the type of a config on the wire (DescribeConfigs 3+).
type Type int8

// Kafka's config types.
const (
	Boolean  Type = 1
	String   Type = 2
	Int      Type = 3
	Short    Type = 4
	Long     Type = 5
	Double   Type = 6
	List     Type = 7
	Class    Type = 8
	Password Type = 9
)

// Effect tells what a config does here.
type Effect uint8

const (
	// Active configs change what the broker does.
	Active Effect = iota
	// Inert configs are accepted and kept, and change nothing.
	Inert
	// Fixed configs have one possible value.
	Fixed
)

// Synonym is a broker config that gives a topic config its default.
type Synonym struct {
	Name   string
	Factor int64 // how many of the topic config's units one unit of this is; 0 for the same value
}

// Definition describes one config.
type Definition struct {
	Name       string
	Type       Type
	Default    string
	NoDefault  bool // the default is null: the config is unset
	Effect     Effect
	Hidden     bool // described only where it is set
	Dynamic    bool // broker configs: may be altered while the broker runs
	Doc        string
	Synonyms   []Synonym // topic configs: broker names, the one to prefer first; broker configs: other units
	accept     rule
	acceptList bool // accept is about each element of a list
}

// Sensitive tells whether values must not be shown.
func (d *Definition) Sensitive() bool { return d.Type == Password }

// Documentation returns what the config is for, and that it has no effect if it has none.
func (d *Definition) Documentation() string {
	switch d.Effect {
	case Inert:
		return d.Doc + " Accepted and stored for compatibility, without effect on this broker."
	case Fixed:
		return d.Doc + " This broker supports " + d.Default + " only."
	}
	return d.Doc
}

// Table finds definitions by name. It never changes after it is built.
type Table struct {
	sorted []*Definition
	byName map[string]*Definition
}

func newTable(definitions []Definition) *Table {
	t := &Table{byName: make(map[string]*Definition, len(definitions))}
	for i := range definitions {
		definition := &definitions[i]
		if t.byName[definition.Name] != nil {
			panic("BUG: got " + definition.Name + " defined twice, want once")
		}
		t.byName[definition.Name] = definition
		t.sorted = append(t.sorted, definition)
	}
	slices.SortFunc(t.sorted, func(a, b *Definition) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// Lookup returns the definition of a config, or nil if there is none of that name.
func (t *Table) Lookup(name string) *Definition { return t.byName[name] }

// All returns all definitions by name. The slice must not be changed.
func (t *Table) All() []*Definition { return t.sorted }
