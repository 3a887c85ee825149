package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
)

// treeCommand draws the live supervision tree of the node whose configuration it is given.
type treeCommand struct {
	Config *string       `short:"c" name:"config" placeholder:"FILE" help:"Configuration of the node to ask ($CHRONIK_CONFIG)."`
	Watch  bool          `name:"watch" short:"w" help:"Draw it again and again."`
	Every  time.Duration `name:"every" placeholder:"TIME" default:"2s" help:"Time between two drawings (default 2s)."`
	All    bool          `name:"all" help:"Draw each actor, also where many of a kind stand side by side."`
}

// clearScreen puts the cursor at the top and forgets what stood there (ECMA-48).
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

func (t *treeCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	for {
		tree, err := node.tree(ctx)
		switch {
		case err != nil && !t.Watch:
			return err
		case err != nil: // it may be restarted meanwhile
			fmt.Fprint(out, clearScreen, err, "\n")
		default:
			var page strings.Builder
			drawTree(&page, &tree, t.All)
			if t.Watch {
				fmt.Fprint(out, clearScreen)
			}
			fmt.Fprint(out, page.String())
		}
		if !t.Watch || !pause(ctx, t.Every) {
			return nil
		}
	}
}

// tree asks for the actors of the node.
func (a *adminClient) tree(ctx context.Context) (admin.Tree, error) {
	var tree admin.Tree
	code, body, err := a.call(ctx, askTime, http.MethodGet, "/admin/tree", nil)
	switch {
	case err != nil:
		return tree, err
	case code != http.StatusOK:
		return tree, fmt.Errorf("node %d at %s: %s", a.node, a.base, refusal(code, body))
	}
	if err := json.Unmarshal(body, &tree); err != nil {
		return tree, fmt.Errorf("what answers at %s is no node of this version: %w", a.base, err)
	}
	return tree, nil
}

// most is how many actors of one kind are drawn side by side before the rest is summed up.
const most = 5

// drawing writes a tree line by line.
type drawing struct {
	out io.Writer
	all bool
}

func drawTree(out io.Writer, tree *admin.Tree, all bool) {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "ACTOR\tSTATE\tWAITING\tMSG/S\tAGE\tRESTARTS\tNOTE")
	d := drawing{out: table, all: all}
	for i := range tree.Actors {
		d.actor(&tree.Actors[i], "", "")
	}
	_ = table.Flush() // it writes to memory
}

// actor draws one and what is below it. The first prefix is for its own line, the second for the others.
func (d drawing) actor(a *admin.Actor, own, others string) {
	fmt.Fprintf(d.out, "%s%s\t%s\t%d\t%s\t%s\t%s\t%s\n", own, a.Name, a.State, a.Waiting, rate(a.PerSecond),
		age(a.AgeSeconds), restarts(a), note(a))
	shown, rest := d.choose(a.Children)
	for i, child := range shown {
		if i == len(shown)-1 && len(rest) == 0 {
			d.actor(child, others+"└─ ", others+"   ")
		} else {
			d.actor(child, others+"├─ ", others+"│  ")
		}
	}
	for i, one := range rest {
		branch := "├─ "
		if i == len(rest)-1 {
			branch = "└─ "
		}
		fmt.Fprintf(d.out, "%s%s%d more %s\t%s\t%d\t%s\t\t%s\t\n", others, branch, one.count, one.kind,
			one.states(), one.waiting, rate(one.perSecond), number(one.restarts))
	}
}

// others is the sum of the actors of a kind that are not drawn.
type others struct {
	kind                           string
	count, waiting, busy, restarts int
	perSecond                      float64
}

func (o *others) states() string {
	if o.busy == 0 {
		return "idle"
	}
	return fmt.Sprintf("%d busy", o.busy)
}

// choose returns whom to draw, in their order, and sums up the rest: of a kind with many, those that have
// something to tell come first.
func (d drawing) choose(children []admin.Actor) (shown []*admin.Actor, rest []*others) {
	drawn, left := map[string]int{}, map[string]int{}
	for i := range children {
		if loud(&children[i]) {
			left[children[i].Kind]++
		}
	}
	sums := map[string]*others{}
	for i := range children {
		a := &children[i]
		room := most - drawn[a.Kind]
		if loud(a) {
			left[a.Kind]--
		} else {
			room -= left[a.Kind]
		}
		if d.all || room > 0 {
			drawn[a.Kind]++
			shown = append(shown, a)
			continue
		}
		sum := sums[a.Kind]
		if sum == nil {
			sum = &others{kind: a.Kind}
			sums[a.Kind] = sum
			rest = append(rest, sum)
		}
		sum.count++
		sum.waiting += a.Waiting
		sum.restarts += a.Restarts
		sum.perSecond += a.PerSecond
		if a.State != "idle" {
			sum.busy++
		}
	}
	return shown, rest
}

// loud tells whether an actor has something to tell.
func loud(a *admin.Actor) bool { return a.State != "idle" || a.Waiting > 0 || a.Failures > 0 }

func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 10:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.0f", perSecond)
}

func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

func restarts(a *admin.Actor) string { return number(a.Restarts) }

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// longestNote keeps a line within a terminal.
const longestNote = 60

// note says what an actor holds, or why it failed last.
func note(a *admin.Actor) string {
	text := ""
	switch {
	case a.HeldMillis >= 1000:
		text = fmt.Sprintf("holds %s for %s", a.Holding, age(float64(a.HeldMillis)/1000))
	case a.Failure != "":
		text = a.Failure
	}
	text, _, _ = strings.Cut(text, "\n")
	if runes := []rune(text); len(runes) > longestNote {
		text = string(runes[:longestNote-1]) + "…"
	}
	return text
}
