package arch

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// card is what doc.go of an actor package says about its actor, by the key of the line, in lower case.
type card map[string]string

var cardLine = regexp.MustCompile(`^\t([A-Za-z]+(?: panic)?)  +(.*)$`)

// card reads the card. Lines that begin with spaces continue the one before.
func (d *directory) card() card {
	c := card{}
	last := ""
	for text := range strings.Lines(d.comment()) {
		text = strings.TrimRight(text, "\n")
		match := cardLine.FindStringSubmatch(text)
		switch {
		case match != nil && slices.Contains(cardKeys, strings.ToLower(match[1])):
			last = strings.ToLower(match[1])
			c[last] = match[2]
		case last != "" && strings.HasPrefix(text, "\t "):
			c[last] += " " + strings.TrimSpace(text)
		default:
			last = ""
		}
	}
	return c
}

// comment returns the package comment.
func (d *directory) comment() string {
	for _, f := range d.files {
		if f.base() == "doc.go" {
			return f.tree.Doc.Text()
		}
	}
	return ""
}

func TestEveryActorHasACard(t *testing.T) {
	for _, d := range everything(t) {
		if !d.isActor() {
			continue
		}
		c := d.card()
		for _, key := range cardKeys {
			if c[key] == "" {
				t.Errorf("the card in %s/doc.go has no line %q", d.path, key)
			}
		}
	}
}

// receives returns the names of messages in the line of that key: the parts between commas that are one word.
// Prose is left out.
func (c card) receives() []string {
	text := regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(c["receives"], "")
	var names []string
	for _, part := range regexp.MustCompile(`[,;]`).Split(text, -1) {
		if words := strings.Fields(part); len(words) == 1 {
			names = append(names, words[0])
		}
	}
	return names
}

// TestWhatTheCardReceivesIsHandled and its reverse keep the card and the code together. They look for a case
// or a type assertion anywhere in the package, because a Batched actor has its switch in a loop.
func TestWhatTheCardReceivesIsHandled(t *testing.T) {
	for _, d := range everything(t) {
		if !d.isActor() {
			continue
		}
		handled := d.typesAskedFor()
		for _, name := range d.card().receives() {
			if !slices.ContainsFunc(handled, func(one string) bool { return sameType(one, name) }) {
				t.Errorf("the card of %s receives %s, but no case of the package handles it", d.path, name)
			}
		}
	}
}

func TestWhatReceiveHandlesIsOnTheCard(t *testing.T) {
	for _, d := range everything(t) {
		if !d.isActor() {
			continue
		}
		listed := d.card().receives()
		for _, f := range d.files {
			if f.test {
				continue
			}
			for _, method := range f.receives() {
				for _, name := range typesAskedForIn(method.Body) {
					if strings.HasPrefix(name, "kit.") || predeclared[name] {
						continue
					}
					if !slices.ContainsFunc(listed, func(one string) bool { return sameType(name, one) }) {
						t.Errorf("%s handles %s, which the card in %s/doc.go does not receive", line(method), name, d.path)
					}
				}
			}
		}
	}
}

// TestMessagesAreExplained: doc.go, best its card, names each type of messages.go, unless it is only a part of
// another one.
func TestMessagesAreExplained(t *testing.T) {
	for _, d := range everything(t) {
		if !d.isActor() {
			continue
		}
		words := regexp.MustCompile(`[A-Za-z]+`).FindAllString(d.comment(), -1)
		for _, f := range d.files {
			if f.base() != "messages.go" {
				continue
			}
			parts := partsOfTypes(f.tree)
			for _, name := range declaredTypes(f.tree) {
				if !slices.Contains(words, name) && !parts[name] {
					t.Errorf("%s declares %s, which %s/doc.go does not mention", f.path, name, d.path)
				}
			}
		}
	}
}

var predeclared = map[string]bool{"string": true, "error": true, "int": true}

// sameType compares the names in a case and on a card, where "janitor.Register, Unregister" leaves the
// package of the second to the reader.
func sameType(inCode, onCard string) bool {
	inCode, onCard = strings.TrimPrefix(inCode, "*"), strings.TrimPrefix(onCard, "*")
	if inCode == onCard {
		return true
	}
	_, bare, qualified := strings.Cut(inCode, ".")
	return qualified && bare == onCard
}

// typesAskedFor returns the types in all type switches and assertions of the package, as they are written.
func (d *directory) typesAskedFor() []string {
	var names []string
	for _, f := range d.files {
		if !f.test {
			names = append(names, typesAskedForIn(f.tree)...)
		}
	}
	return names
}

func typesAskedForIn(tree ast.Node) []string {
	var names []string
	ast.Inspect(tree, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.TypeSwitchStmt:
			for _, clause := range node.Body.List {
				for _, one := range clause.(*ast.CaseClause).List {
					names = append(names, written(one))
				}
			}
		case *ast.TypeAssertExpr:
			if node.Type != nil {
				names = append(names, written(node.Type))
			}
		}
		return true
	})
	return names
}

// written returns the name of a type as it stands in the code.
func written(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + written(e.X)
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	}
	return ""
}

func declaredTypes(tree *ast.File) []string {
	var names []string
	ast.Inspect(tree, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok {
			names = append(names, spec.Name.Name)
		}
		return true
	})
	return names
}

// partsOfTypes returns the names that are used inside of the types of a file.
func partsOfTypes(tree *ast.File) map[string]bool {
	parts := map[string]bool{}
	ast.Inspect(tree, func(node ast.Node) bool {
		if spec, ok := node.(*ast.TypeSpec); ok {
			ast.Inspect(spec.Type, func(inner ast.Node) bool {
				if name, ok := inner.(*ast.Ident); ok {
					parts[name.Name] = true
				}
				return true
			})
		}
		return true
	})
	return parts
}
