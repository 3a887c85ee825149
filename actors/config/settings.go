package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Setting describes one key: a row of the reference.
type Setting struct {
	Key     string   // "log.segment_bytes"
	Kind    string   // "text", "number", "switch", "size" or "duration"
	Default string   // as written in the tag; a sentence where the default is computed
	Env     []string // names in the environment; the first is the one to use
	Flag    string   // "--bind", or empty
	Help    string

	path []int // of the field, for reflect
}

// settings is filled once from the type; nothing changes it afterwards.
var settings = describe(reflect.TypeFor[Config](), nil, "")

// Settings returns every key in the order of the struct.
func Settings() []Setting { return append([]Setting(nil), settings...) }

var (
	sizeType     = reflect.TypeFor[Size]()
	durationType = reflect.TypeFor[time.Duration]()
)

// describe walks the struct type t, whose fields have keys that begin with prefix.
func describe(t reflect.Type, path []int, prefix string) []Setting {
	var found []Setting
	for i := range t.NumField() {
		field := t.Field(i)
		key := prefix + field.Tag.Get("toml")
		at := append(append([]int(nil), path...), i)
		switch field.Type.Kind() {
		case reflect.Struct:
			found = append(found, describe(field.Type, at, key+".")...)
		case reflect.Slice: // [[peers]] is a table of its own, see file.go
		default:
			found = append(found, setting(field, key, at))
		}
	}
	return found
}

func setting(field reflect.StructField, key string, path []int) Setting {
	s := Setting{
		Key: key, Kind: kindOf(field.Type), Default: field.Tag.Get("default"),
		Flag: field.Tag.Get("flag"), Help: field.Tag.Get("help"), path: path,
	}
	s.Env = []string{"CHRONIK_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))}
	if names := field.Tag.Get("env"); names != "" {
		s.Env = strings.Split(names, ",")
	}
	return s
}

func kindOf(t reflect.Type) string {
	switch {
	case t == sizeType:
		return "size"
	case t == durationType:
		return "duration"
	case t.Kind() == reflect.Bool:
		return "switch"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

// computed tells whether the default is a sentence about how the value is found, not a value.
func (s Setting) computed() bool { return strings.Contains(s.Default, " ") }

// find returns the setting with a key.
func find(key string) (Setting, bool) {
	for _, s := range settings {
		if s.Key == key {
			return s, true
		}
	}
	return Setting{}, false
}

// set parses text into the setting's field.
func (s Setting) set(c *Config, text string) error {
	return setField(reflect.ValueOf(c).Elem().FieldByIndex(s.path), s.Kind, text)
}

func setField(field reflect.Value, kind, text string) error {
	switch kind {
	case "text":
		field.SetString(text)
	case "size":
		size, err := ParseSize(text)
		if err != nil {
			return err
		}
		field.SetInt(int64(size))
	case "duration":
		duration, err := ParseDuration(text)
		if err != nil {
			return err
		}
		field.SetInt(int64(duration))
	case "switch":
		on, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		field.SetBool(on)
	case "number":
		number, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, field.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number of at most %d bits", text, field.Type().Bits())
		}
		field.SetInt(number)
	}
	return nil
}

// Default returns the configuration of an empty file, environment and command line for a node by itself, not
// yet resolved: what follows from other settings is empty until Complete.
func Default() Config {
	c := empty()
	c.completeReplication()
	return c
}

// empty returns the defaults that follow from nothing else.
func empty() Config {
	var c Config
	for _, s := range settings {
		if s.Default == "" || s.computed() {
			continue
		}
		if err := s.set(&c, s.Default); err != nil {
			panic(fmt.Sprintf("BUG: default of %s: %v", s.Key, err))
		}
	}
	return c
}
