package groups

import (
	"strings"
	"testing"
)

// TestLedgerNamesEachBrokenRule tells histories that break one rule each, and some that break none.
func TestLedgerNamesEachBrokenRule(t *testing.T) {
	for name, history := range map[string]struct{ lines, want string }{
		"orderly handover": {`assigned a 0; read a 0 0 9; commit a 0:10; committed a 0:10; revoked a 0;
			assigned b 0; read b 0 10 12`, ""},
		"crash before the commit": {`assigned a 0; read a 0 0 9; crashed a; assigned b 0; read b 0 0 9`, ""},
		"crash during a commit that was lost": {`assigned a 0; read a 0 0 9; commit a 0:10; crashed a;
			assigned b 0; read b 0 0 9`, ""},
		"crash during a commit that was kept": {`assigned a 0; read a 0 0 9; commit a 0:10; crashed a;
			assigned b 0; read b 0 10 19`, ""},
		"a member that keeps its partition": {`assigned a 0; read a 0 0 9; commit a 0:10; refused a late;
			assigned a 1; read a 0 10 11; commit a 0:12; committed a 0:12`, ""},
		"skipped": {`assigned a 0; read a 0 0 9; commit a 0:10; committed a 0:10; revoked a 0;
			assigned b 0; read b 0 11 12`, "skips records"},
		"skipped at the beginning": {`assigned a 0; read a 0 1 9`, "skips records"},
		"skipped within":           {`assigned a 0; read a 0 0 9; read a 0 11 12`, "skips records"},
		"again though committed": {`assigned a 0; read a 0 0 9; commit a 0:10; committed a 0:10; revoked a 0;
			assigned b 0; read b 0 9 12`, "begins at 9"},
		"a lost commit that comes back": {`assigned a 0; read a 0 0 9; commit a 0:10; crashed a;
			assigned b 0; read b 0 0 3; commit b 0:4; crashed b; assigned c 0; read c 0 10 12`, "skips records"},
		"again within":   {`assigned a 0; read a 0 0 9; read a 0 9 12`, "has read up to 9"},
		"two owners":     {`assigned a 0; assigned b 0`, "while a holds it"},
		"without owning": {`read a 0 0 9`, "without holding it"},
		"a fenced member commits": {`assigned a 0; read a 0 0 9; commit a 0:10; revoked a 0; assigned b 0;
			committed a 0:10`, "while b holds it"},
		"falls back": {`assigned a 0; read a 0 0 9; commit a 0:10; committed a 0:10; committed a 0:9`,
			"falls from 10 to 9"},
		"committed out of thin air": {`assigned a 0; committed a 0:10`, "nobody asked for"},
		"a member that failed":      {`failed a with a reason`, "with a reason"},
		"no such partition":         {`assigned a 7`, "a line that is none"},
	} {
		ledger := NewLedger(2)
		for line := range strings.SplitSeq(history.lines, ";") {
			ledger.Line(strings.TrimSpace(line))
		}
		got := strings.Join(ledger.Broken(), "\n")
		if history.want == "" && got != "" || !strings.Contains(got, history.want) {
			t.Errorf("%s: got %q, want %q", name, got, history.want)
		}
	}
}

func TestLedgerKnowsWhenAGroupHasSettled(t *testing.T) {
	ledger := NewLedger(2)
	for _, step := range []struct {
		line string
		want bool
	}{
		{"assigned a 0 1", false},
		{"revoked a 1", false},
		{"assigned b 1", false},
		{"read a 0 0 4", false},
		{"read b 1 0 3", false}, // one record is missing
		{"read b 1 4 4", true},
		{"crashed b", false},
	} {
		ledger.Line(step.line)
		if got := ledger.Settled([]string{"a", "b"}, []int64{5, 5}); got != step.want {
			t.Errorf("after %q: got %v, want %v", step.line, got, step.want)
		}
	}
}
