package arch

import (
	"go/ast"
	"go/parser"
	"slices"
	"strings"
	"testing"
)

// The tests of this file show that the checks can fail.

func fixture(t *testing.T, name, text string) *source {
	t.Helper()
	tree, err := parser.ParseFile(fileSet, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return &source{path: "fixture/" + name, text: text, tree: tree}
}

const badActor = `package fixture

import (
	"sync"
	clock "time"

	"github.com/chronik-go/chronik/actors/kit"
)

type Actor struct{ mu sync.Mutex }

func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		clock.Sleep(clock.Second)
		go a.run()
	case Open, *other.Close:
		_ = m
	}
}

func (a *Actor) run() { _, _ = a.answer.(Late) }
`

const fixtureCard = `// Package fixture is an actor.
//
//	actor     fixture
//	Parent    broker
//	on panic  stopped, and
//	          stopped again
//	receives  Open, other.Close (parent), the rest of it;
//	          more
//
// Parent is also a word of prose.
package fixture
`

func TestChecksFindWhatIsBanned(t *testing.T) {
	got := strings.Join(fixture(t, "actor.go", badActor).bannedCalls(), "\n")
	for _, want := range []string{"actor.go:10 uses sync.Mutex", "actor.go:15 uses time.Sleep"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if n := strings.Count(got, "\n"); n != 1 {
		t.Errorf("got %d complaints, want 2: %s", n+1, got)
	}
}

func TestChecksKnowAnActorByItsReceive(t *testing.T) {
	d := &directory{path: "fixture", files: []*source{fixture(t, "actor.go", badActor)}}
	if !d.isActor() {
		t.Error("got a package without an actor, want one")
	}
	d.files = []*source{fixture(t, "actor.go", strings.ReplaceAll(badActor, "*kit.Context", "*kit.Other"))}
	if d.isActor() {
		t.Error("got an actor without a Receive")
	}
}

func TestChecksReadCards(t *testing.T) {
	d := &directory{path: "fixture", files: []*source{fixture(t, "doc.go", fixtureCard)}}
	c := d.card()
	if c["parent"] != "broker" || c["on panic"] != "stopped, and stopped again" {
		t.Errorf("got %v", c)
	}
	if got := c.receives(); !slices.Equal(got, []string{"Open", "other.Close", "more"}) {
		t.Errorf("got %v, want the messages without the prose", got)
	}
}

func TestChecksReadCases(t *testing.T) {
	d := &directory{path: "fixture", files: []*source{fixture(t, "actor.go", badActor)}}
	want := []string{"kit.Started", "Open", "*other.Close", "Late"}
	if got := d.typesAskedFor(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !sameType("*other.Close", "Close") || !sameType("Open", "Open") || sameType("Open", "other.Open") {
		t.Error("got other names to be the same")
	}
}

func TestChecksKnowWhatRunsAtTheRim(t *testing.T) {
	atRim := func(base string) bool {
		d := &directory{path: "fixture", files: []*source{fixture(t, base, badActor)}}
		return d.declaredAtRim()["run"]
	}
	if atRim("actor.go") || !atRim("reader.go") {
		t.Error("got the rim in the wrong file")
	}
	if called(&ast.CallExpr{Fun: &ast.FuncLit{}}) != "" {
		t.Error("got a name for a function literal")
	}
}

func TestChecksMeasureLines(t *testing.T) {
	long := strings.Repeat("word ", 30)
	text := "package fixture\n\n// " + long + "\nvar a = `" + long + "`\nvar b = \"" + long + "\"\n"
	if got := fixture(t, "long.go", text).longLines(); !slices.Equal(got, []int{3, 5}) {
		t.Errorf("got %v, want the comment and the string that can be broken", got)
	}
}

func TestChecksKnowTheLadder(t *testing.T) {
	top, _ := rung("cmd/chronik-server")
	bottom, ok := rung("protocol")
	if !ok || top >= bottom {
		t.Errorf("got %d for the top and %d for the bottom", top, bottom)
	}
	if _, ok := rung("actors/unheard/of"); ok {
		t.Error("got a rung for a package that has none")
	}
}
