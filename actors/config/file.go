package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

const peersKey = "peers"

// tomlFile applies the keys of one TOML text to a Config. It walks the syntax tree rather than decoding
// into the struct, so that every value goes through the same setter as those of the environment and the
// command line, and every problem knows its line.
type tomlFile struct {
	name     string
	parser   unstable.Parser
	config   *Config
	problems *problems
}

// apply reads the text. Wrong syntax is one problem and nothing of the file is used then.
func (f *tomlFile) apply(text []byte) {
	// The library's own decoder first: it knows all of TOML's rules, such as keys given twice.
	if err := toml.Unmarshal(text, &map[string]any{}); err != nil {
		f.problems.add(f.syntaxOrigin(err), "", strings.TrimPrefix(err.Error(), "toml: "))
		return
	}
	f.parser.Reset(text)
	table, known := "", true
	for f.parser.NextExpression() && !f.problems.full() {
		node := f.parser.Expression()
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, known = f.enter(node)
		case unstable.KeyValue:
			if known { // the header of an unknown table is reported once, not again for each key
				f.keyValue(table, node)
			}
		}
	}
	if err := f.parser.Error(); err != nil {
		f.problems.add(f.name, "", err.Error())
	}
}

func (f *tomlFile) syntaxOrigin(err error) string {
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, _ := decode.Position()
		return fmt.Sprintf("%s:%d", f.name, line)
	}
	return f.name
}

// enter handles a table's header and returns the prefix of the keys below it, and whether there is such a
// table.
func (f *tomlFile) enter(node *unstable.Node) (prefix string, known bool) {
	name := keyOf(node)
	switch {
	case name == peersKey && node.Kind == unstable.ArrayTable:
		f.config.Peers = append(f.config.Peers, Peer{ID: noID})
		return name + ".", true
	case name == peersKey:
		f.problems.add(f.origin(node), name, "is a list; begin each entry with [[peers]]")
	case node.Kind == unstable.ArrayTable:
		f.problems.add(f.origin(node), name, "is no list; write ["+name+"]")
	case isTable(name):
		return name + ".", true
	default:
		f.unknown(node, name)
	}
	return "", false
}

func (f *tomlFile) keyValue(prefix string, node *unstable.Node) {
	key, value := prefix+keyOf(node), node.Value()
	switch {
	case strings.HasPrefix(key, peersKey+"."):
		f.peer(strings.TrimPrefix(key, peersKey+"."), node)
	case key == peersKey && value.Kind == unstable.Array:
		f.peerArray(value)
	case key == peersKey:
		f.problems.add(f.origin(node), key, "is a list; begin each entry with [[peers]]")
	case value.Kind == unstable.InlineTable && isTable(key):
		for inner := value.Children(); inner.Next(); {
			f.keyValue(key+".", inner.Node())
		}
	default:
		f.leaf(key, node)
	}
}

func (f *tomlFile) leaf(key string, node *unstable.Node) {
	s, found := find(key)
	switch {
	case found:
	case isTable(key):
		f.problems.add(f.origin(node), key, "is a table; write ["+key+"]")
		return
	default:
		f.unknown(node, key)
		return
	}
	value := node.Value()
	if !fits(s.Kind, value.Kind) {
		given := strings.ToLower(value.Kind.String())
		f.problems.add(f.origin(node), key, fmt.Sprintf("takes a %s, not a TOML %s", s.Kind, given))
		return
	}
	if err := s.set(f.config, string(value.Data)); err != nil {
		f.problems.add(f.origin(node), key, err.Error())
	}
}

// fits tells which TOML types a kind of setting takes: a size may be a number of bytes or a text with a
// unit, a duration always has one.
func fits(kind string, value unstable.Kind) bool {
	switch kind {
	case "switch":
		return value == unstable.Bool
	case "number":
		return value == unstable.Integer
	case "size":
		return value == unstable.Integer || value == unstable.String
	}
	return value == unstable.String
}

// peerArray handles peers = [{id = 1, ...}, ...].
func (f *tomlFile) peerArray(value *unstable.Node) {
	for entry := value.Children(); entry.Next(); {
		f.config.Peers = append(f.config.Peers, Peer{ID: noID})
		for inner := entry.Node().Children(); inner.Next(); {
			if inner.Node().Kind == unstable.KeyValue {
				f.peer(keyOf(inner.Node()), inner.Node())
			}
		}
	}
}

// peer sets one key of the peer entry that is being read.
func (f *tomlFile) peer(key string, node *unstable.Node) {
	if len(f.config.Peers) == 0 {
		f.problems.add(f.origin(node), peersKey, "is a list; begin each entry with [[peers]]")
		return
	}
	peer := &f.config.Peers[len(f.config.Peers)-1]
	t := reflect.TypeFor[Peer]()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("toml") != key {
			continue
		}
		s := Setting{Key: peersKey + "." + key, Kind: kindOf(t.Field(i).Type)}
		value := node.Value()
		if !fits(s.Kind, value.Kind) {
			f.problems.add(f.origin(node), s.Key, "takes a "+s.Kind)
			return
		}
		if err := setField(reflect.ValueOf(peer).Elem().Field(i), s.Kind, string(value.Data)); err != nil {
			f.problems.add(f.origin(node), s.Key, err.Error())
		}
		return
	}
	f.unknown(node, peersKey+"."+key)
}

// unknown reports a key or table that does not exist, with the nearest that does.
func (f *tomlFile) unknown(node *unstable.Node, key string) {
	reason := "is not a setting"
	if near, found := suggest(key); found {
		reason += "; did you mean " + near + "?"
	}
	f.problems.add(f.origin(node), key, reason)
}

// origin is "file:line" of the first key part below node.
func (f *tomlFile) origin(node *unstable.Node) string {
	key := node.Key()
	if !key.Next() {
		return f.name
	}
	return fmt.Sprintf("%s:%d", f.name, f.parser.Shape(f.parser.Range(key.Node().Data)).Start.Line)
}

func keyOf(node *unstable.Node) string {
	var parts []string
	for key := node.Key(); key.Next(); {
		parts = append(parts, string(key.Node().Data))
	}
	return strings.Join(parts, ".")
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// isTable tells whether some setting's key lies below name.
func isTable(name string) bool {
	if name == peersKey {
		return true
	}
	for _, s := range settings {
		if strings.HasPrefix(s.Key, name+".") {
			return true
		}
	}
	return false
}
