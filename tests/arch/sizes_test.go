package arch

import (
	"go/ast"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFilesAreShort(t *testing.T) {
	for _, d := range everything(t) {
		for _, f := range d.files {
			if lines := strings.Count(f.text, "\n"); !f.test && !f.generated && lines > maxFileLines {
				t.Errorf("%s has %d lines, more than %d: it holds more than one concept, split it", f.path, lines,
					maxFileLines)
			}
		}
	}
}

func TestFunctionsFitAScreen(t *testing.T) {
	for _, d := range everything(t) {
		for _, f := range d.files {
			if f.test || f.generated {
				continue
			}
			for _, declaration := range f.tree.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok || function.Body == nil {
					continue
				}
				first, last := fileSet.Position(function.Pos()).Line, fileSet.Position(function.End()).Line
				if lines := last - first + 1; lines > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, more than %d: move straight work into functions of its own",
						line(function), function.Name.Name, lines, maxFunctionLines)
				}
			}
		}
	}
}

// TestLinesAreShort counts a tab as one character. What cannot be broken is left alone: raw strings, struct
// tags among them, and a comment that is one long word.
func TestLinesAreShort(t *testing.T) {
	for _, d := range everything(t) {
		for _, f := range d.files {
			if f.test || f.generated {
				continue
			}
			if long := f.longLines(); len(long) > 0 {
				t.Errorf("%s has lines of more than %d characters: %v", f.path, maxLineLength, long)
			}
		}
	}
}

func (f *source) longLines() []int {
	raw := f.rawLines()
	var long []int
	number := 0
	for text := range strings.Lines(f.text) {
		number++
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(text), "//"))
		length := utf8.RuneCountInString(strings.TrimRight(text, "\n"))
		if length > maxLineLength && len(words) > 1 && !raw[number] {
			long = append(long, number)
		}
	}
	return long
}

// rawLines returns the lines that hold a part of a raw string.
func (f *source) rawLines() map[int]bool {
	raw := map[int]bool{}
	ast.Inspect(f.tree, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if ok && strings.HasPrefix(literal.Value, "`") {
			first := fileSet.Position(literal.Pos()).Line
			for i := range strings.Count(literal.Value, "\n") + 1 {
				raw[first+i] = true
			}
		}
		return true
	})
	return raw
}
