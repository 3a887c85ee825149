package config

import (
	"fmt"
	"strings"
)

// Reference returns the table of all settings in Markdown, as it stands in the README.
func Reference() string {
	var b strings.Builder
	b.WriteString("| key | kind | default | environment, flag | what it does |\n")
	b.WriteString("| --- | --- | --- | --- | --- |\n")
	for _, s := range settings {
		names := "`" + strings.Join(s.Env, "`, `") + "`"
		if s.Flag != "" {
			names += ", `" + s.Flag + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Key, s.Kind, s.shownDefault(), names, s.Help)
	}
	return b.String()
}

func (s Setting) shownDefault() string {
	switch {
	case s.Default == "":
		return ""
	case s.computed():
		return s.Default
	}
	return "`" + s.Default + "`"
}
