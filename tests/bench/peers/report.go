//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// ratio is Chronik's figure as a multiple of another system's in the same round.
type ratio struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Goal   float64 `json:"goal,omitempty"`
	gross  float64
}

// row is one figure of all systems.
type row struct {
	Scenario string               `json:"scenario"`
	About    string               `json:"about"`
	Figure   string               `json:"figure"`
	Unit     string               `json:"unit"`
	More     bool                 `json:"more_is_better"`
	Runs     map[string][]float64 `json:"runs"`
	Ratios   map[string]ratio     `json:"ratios"`
}

// failure says why a system has no figures of a scenario, or not of all rounds.
type failure struct {
	Scenario string `json:"scenario"`
	System   string `json:"system"`
	Why      string `json:"why"`
}

// rowsOf makes the rows of a scenario out of the figures of its runs.
func rowsOf(sc *scenario, runs map[string][]figures) []row {
	var rows []row
	for _, l := range sc.lines {
		r := row{
			Scenario: sc.name, About: sc.about, Figure: l.figure, Unit: l.unit, More: l.more,
			Runs: map[string][]float64{}, Ratios: map[string]ratio{},
		}
		for name, all := range runs {
			for _, one := range all {
				r.Runs[name] = append(r.Runs[name], one[l.figure])
			}
		}
		own := r.Runs[chronikName]
		for name, values := range r.Runs {
			var ratios []float64
			for i := range min(len(own), len(values)) {
				if values[i] > 0 {
					ratios = append(ratios, own[i]/values[i])
				}
			}
			if name == chronikName || len(ratios) == 0 {
				continue
			}
			r.Ratios[name] = ratio{
				Median: stats.Median(ratios), Low: slices.Min(ratios), High: slices.Max(ratios),
				Goal: l.goals[name], gross: l.gross[name],
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// within says whether a ratio is on the right side of a bound.
func (r *row) within(value, bound float64) bool {
	if r.More {
		return value >= bound
	}
	return value <= bound
}

// verdict is the goal against a system and whether it is reached; empty without one.
func (r *row) verdict(name string) string {
	ratio := r.Ratios[name]
	if ratio.Goal == 0 {
		return ""
	}
	sign, word := "≤", "missed"
	if r.More {
		sign = "≥"
	}
	if r.within(ratio.Median, ratio.Goal) {
		word = "ok"
	}
	return fmt.Sprintf("; %s %g %s", sign, ratio.Goal, word)
}

// regressions are the ratios that are beyond what a noisy machine explains.
func regressions(rows []row) []string {
	var all []string
	for i := range rows {
		r := &rows[i]
		for name, ratio := range r.Ratios {
			if ratio.gross != 0 && !r.within(ratio.Median, ratio.gross) {
				all = append(all, fmt.Sprintf("%s: %s is %s times that of %s, the bound is %g",
					r.Scenario, r.Figure, digits(ratio.Median), name, ratio.gross))
			}
		}
	}
	return all
}

// printTable writes all rows, as Markdown.
func printTable(w io.Writer, rows []row, systems []string) {
	fmt.Fprint(w, "\n| scenario | figure |")
	for _, name := range systems {
		fmt.Fprintf(w, " %s |", name)
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat(" --- |", len(systems)+2))
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(w, "| %s | %s |", r.Scenario, strings.TrimSuffix(r.Figure+", "+r.Unit, ", "))
		for _, name := range systems {
			fmt.Fprintf(w, " %s |", r.cell(name))
		}
		fmt.Fprintln(w)
	}
}

// printFailures writes who could not do what, a line each.
func printFailures(w io.Writer, failures []failure) {
	for _, f := range failures {
		why, _, _ := strings.Cut(f.Why, "\n")
		fmt.Fprintf(w, "\n%s: %s failed: %s\n", f.Scenario, f.System, why)
	}
}

// cell is the median of a system, and how Chronik's compares.
func (r *row) cell(name string) string {
	values := r.Runs[name]
	if len(values) == 0 {
		return ""
	}
	median := digits(stats.Median(values))
	if name == chronikName {
		return fmt.Sprintf("**%s** (%s to %s)", median, digits(slices.Min(values)), digits(slices.Max(values)))
	}
	ratio, ok := r.Ratios[name]
	if !ok {
		return median
	}
	return fmt.Sprintf("%s: %s x (%s to %s)%s", median, digits(ratio.Median), digits(ratio.Low),
		digits(ratio.High), r.verdict(name))
}

// digits shows three of them, and all before the point.
func digits(value float64) string {
	switch {
	case value >= 100 || value == float64(int64(value)):
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	case value >= 1:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.2g", value)
}

// result is all of it for programs.
type result struct {
	Machine  map[string]string `json:"machine"`
	Versions map[string]string `json:"versions"`
	Rounds   int               `json:"rounds"`
	Seconds  float64           `json:"seconds_per_run"`
	Rows     []row             `json:"rows"`
	Failures []failure         `json:"failures,omitempty"`
}

func (r *result) print(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
