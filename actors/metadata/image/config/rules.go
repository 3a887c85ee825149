package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxValueBytes bounds the value of a dynamic config, since every broker keeps all of them in memory.
const MaxValueBytes = 32 << 10

// rule returns why a value of the right type is refused, or "".
type rule func(value string) string

// Check returns why a value cannot be given to a config, in Kafka's words, or "" if it can.
func (d *Definition) Check(value string) string {
	if len(value) > MaxValueBytes {
		return fmt.Sprintf("Invalid value for configuration %s: Value is longer than %d bytes",
			d.Name, MaxValueBytes)
	}
	if !utf8.ValidString(value) {
		return fmt.Sprintf("Invalid value for configuration %s: Value is not valid UTF-8", d.Name)
	}
	if reason := d.checkType(value); reason != "" {
		return fmt.Sprintf("Invalid value %s for configuration %s: %s", value, d.Name, reason)
	}
	if reason := d.checkRule(value); reason != "" {
		return fmt.Sprintf("Invalid value %s for configuration %s: %s", value, d.Name, reason)
	}
	if d.Effect == Fixed && normalized(d.Type, value) != d.Default {
		return fmt.Sprintf("Invalid value %s for configuration %s: This broker supports %s only",
			value, d.Name, d.Default)
	}
	return ""
}

func (d *Definition) checkRule(value string) string {
	if d.accept == nil {
		return ""
	}
	if !d.acceptList {
		return d.accept(strings.TrimSpace(value))
	}
	for _, element := range Elements(value) {
		if reason := d.accept(element); reason != "" {
			return reason
		}
	}
	return ""
}

func (d *Definition) checkType(value string) string {
	text := strings.TrimSpace(value)
	switch d.Type {
	case Boolean:
		if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			return "Expected value to be either true or false"
		}
	case Short:
		return checkInteger(text, 16, "SHORT")
	case Int:
		return checkInteger(text, 32, "INT")
	case Long:
		return checkInteger(text, 64, "LONG")
	case Double:
		if number, err := strconv.ParseFloat(text, 64); err != nil || math.IsNaN(number) {
			return "Not a number of type DOUBLE"
		}
	}
	return ""
}

func checkInteger(text string, bits int, name string) string {
	if _, err := strconv.ParseInt(text, 10, bits); err != nil {
		return "Not a number of type " + name
	}
	return ""
}

// normalized returns the one spelling of a value: no spaces around it, switches in lower case.
func normalized(t Type, value string) string {
	value = strings.TrimSpace(value)
	if t == Boolean {
		return strings.ToLower(value)
	}
	return value
}

// Elements splits the value of a list. Empty elements are left out.
func Elements(value string) []string {
	var elements []string
	for element := range strings.SplitSeq(value, ",") {
		if element = strings.TrimSpace(element); element != "" {
			elements = append(elements, element)
		}
	}
	return elements
}

// atLeast refuses integers below a bound.
func atLeast(low int64) rule {
	return func(value string) string {
		if number, _ := strconv.ParseInt(value, 10, 64); number < low {
			return fmt.Sprintf("Value must be at least %d", low)
		}
		return ""
	}
}

// between refuses integers outside of two bounds.
func between(low, high int64) rule {
	return func(value string) string {
		if reason := atLeast(low)(value); reason != "" {
			return reason
		}
		if number, _ := strconv.ParseInt(value, 10, 64); number > high {
			return fmt.Sprintf("Value must be no more than %d", high)
		}
		return ""
	}
}

// ratio refuses fractions outside of 0 to 1.
func ratio(value string) string {
	number, _ := strconv.ParseFloat(value, 64)
	switch {
	case number < 0:
		return "Value must be at least 0"
	case number > 1:
		return "Value must be no more than 1"
	}
	return ""
}

// oneOf refuses all other words.
func oneOf(words ...string) rule {
	return func(value string) string {
		if !slices.Contains(words, value) {
			return "String must be one of: " + strings.Join(words, ", ")
		}
		return ""
	}
}

// gzipLevel is what zlib takes: a level or its own default.
func gzipLevel(value string) string {
	if level, _ := strconv.Atoi(value); level != -1 && (level < 1 || level > 9) {
		return "Value must be between 1 and 9 or equal to -1"
	}
	return ""
}

// throttledReplica refuses what is neither "partition:broker" nor the wildcard.
func throttledReplica(value string) string {
	partition, broker, found := strings.Cut(value, ":")
	if value == "*" || found && isNumber(partition) && isNumber(broker) {
		return ""
	}
	return "must be the literal '*' or a list of replicas in the following format: " +
		"[partitionId]:[brokerId],[partitionId]:[brokerId],..."
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 31)
	return err == nil
}
