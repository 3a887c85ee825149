//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// line is one figure and its goal.
type line struct {
	Name    string  `json:"name"`
	Goal    float64 `json:"goal,omitempty"` // 0: told for information
	AtLeast bool    `json:"at_least,omitempty"`
	Figure  float64 `json:"figure"` // the median of the runs
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	Unit    string  `json:"unit"`
	Note    string  `json:"note,omitempty"`
}

func (l *line) verdict() string {
	switch {
	case l.Goal == 0:
		return ""
	case l.AtLeast && l.Figure >= l.Goal, !l.AtLeast && l.Figure <= l.Goal:
		return "ok"
	}
	return "MISSED"
}

func (l *line) goal() string {
	switch {
	case l.Goal == 0:
		return ""
	case l.AtLeast:
		return fmt.Sprintf("≥ %g %s", l.Goal, l.Unit)
	}
	return fmt.Sprintf("≤ %g %s", l.Goal, l.Unit)
}

// report gathers lines in the order they are measured.
type report struct{ lines []line }

// atMost adds a line whose runs gave values. A goal of 0 is none.
func (r *report) atMost(name string, goal float64, unit string, values []float64, note string, args ...any) {
	r.add(line{Name: name, Goal: goal, Unit: unit, Note: fmt.Sprintf(note, args...)}, values)
}

// atLeast adds a line that should be large.
func (r *report) atLeast(name string, goal float64, unit string, values []float64, note string, args ...any) {
	r.add(line{Name: name, Goal: goal, AtLeast: true, Unit: unit, Note: fmt.Sprintf(note, args...)}, values)
}

func (r *report) add(l line, values []float64) {
	l.Figure, l.Low, l.High = stats.Median(values), slices.Min(values), slices.Max(values)
	r.lines = append(r.lines, l)
}

// print writes the table and then all of it as one line of JSON.
func (r *report) print(w io.Writer, form string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tgoal\tmedian\tlow – high\t\t")
	for i := range r.lines {
		l := &r.lines[i]
		fmt.Fprintf(table, "%s\t%s\t%s %s\t%s – %s\t%s\t%s\n", l.Name, l.goal(), digits(l.Figure), l.Unit,
			digits(l.Low), digits(l.High), l.verdict(), l.Note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(map[string]any{
		"form": form, "cpus": runtime.NumCPU(), "go": runtime.Version(), "lines": r.lines,
	})
}

// digits shows three of them, and all before the point.
func digits(value float64) string {
	switch {
	case value >= 100 || value == float64(int64(value)):
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}
