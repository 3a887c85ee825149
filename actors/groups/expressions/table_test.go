package expressions

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
)

// names are topics in order.
func names(list ...string) iter.Seq[string] {
	slices.Sort(list)
	return slices.Values(list)
}

func TestExpressionsMatchFromEndToEnd(t *testing.T) {
	for _, one := range []struct {
		expression string
		want       string
	}{
		{`a\d`, "a1"}, {`a.*`, "a1,a22,ab"}, {`a|ab`, "ab"}, {`(?i)A1|B.`, "a1,b1"}, {`\Qa1`, "a1"}, {`a`, ""},
		{`.*`, "__x,a1,a22,ab,b1"}, {`^a1$`, "a1"}, {`(?m)^b1$`, "b1"}, {``, ""},
	} {
		found, err := newTable().put(one.expression, names("ab", "a1", "b1", "a22", "__x"))
		if err != nil {
			t.Errorf("%q: %v", one.expression, err)
			continue
		}
		if got := strings.Join(found.topics, ","); got != one.want {
			t.Errorf("%q: got %s, want %s", one.expression, got, one.want)
		}
	}
}

func TestWhatIsNoExpressionIsRefused(t *testing.T) {
	for _, expression := range []string{`a(`, `a)|(b`, `(?=a)`, `*`, strings.Repeat("a", 1<<15), `a{1001}`} {
		_, err := newTable().put(expression, names())
		if protocol.CodeOf(err) != protocol.InvalidRegularExpression {
			t.Errorf("%.20q: got %v, want INVALID_REGULAR_EXPRESSION", expression, err)
		}
	}
}

// TestTheTableFollowsTheTopics lets topics come and go at random: the table is always what comparing all of
// them would give, and what was given away does not change.
func TestTheTableFollowsTheTopics(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	table, topics := newTable(), map[string]bool{}
	all := func() iter.Seq[string] {
		var list []string
		for name := range topics {
			list = append(list, name)
		}
		return names(list...)
	}
	expressions := []string{`.*`, `a.*`, `.*1`, `[ab]\d`, `none`}
	for _, expression := range expressions {
		if _, err := table.put(expression, all()); err != nil {
			t.Fatal(err)
		}
	}
	type given struct{ topics, was []string }
	var away []given
	for range 2000 {
		name := fmt.Sprintf("%c%d", 'a'+random.IntN(3), random.IntN(20))
		if topics[name] = !topics[name]; topics[name] {
			table.added(name)
		} else {
			delete(topics, name)
			table.removed(name)
		}
		for _, expression := range expressions {
			var want []string
			whole := regexp.MustCompile("^(" + expression + ")$")
			for name := range all() {
				if whole.MatchString(name) {
					want = append(want, name)
				}
			}
			one := table.entries[expression]
			if !slices.Equal(one.topics, want) {
				t.Fatalf("%s: got %v, want %v", expression, one.topics, want)
			}
			if random.IntN(10) == 0 {
				away = append(away, given{one.share(), slices.Clone(want)})
			}
		}
	}
	for _, one := range away {
		if !slices.Equal(one.topics, one.was) {
			t.Fatalf("what was %v is %v", one.was, one.topics)
		}
	}
}

// BenchmarkNewTopic is what a new topic costs with a thousand expressions, and BenchmarkNewExpression what
// a new expression costs with ten thousand topics.
func BenchmarkNewTopic(b *testing.B) {
	table := newTable()
	for i := range 1000 {
		if _, err := table.put(fmt.Sprintf(`orders-%d-.*`, i), names()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := range b.N {
		table.added(fmt.Sprintf("orders-%d-x", i%1000))
		table.removed(fmt.Sprintf("orders-%d-x", i%1000))
	}
}

func BenchmarkNewExpression(b *testing.B) {
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf("orders-%d", i))
	}
	all := names(list...)
	b.ReportAllocs()
	for range b.N {
		if _, err := newTable().put(`orders-\d*7`, all); err != nil {
			b.Fatal(err)
		}
	}
}
