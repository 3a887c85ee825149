package arch

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// rung returns the place of a package on the ladder, the highest is 0.
func rung(folder string) (int, bool) {
	for i, patterns := range ladder {
		for _, pattern := range patterns {
			if matched, _ := path.Match(pattern, folder); matched {
				return i, true
			}
		}
	}
	return 0, false
}

func TestImportsOnlyGoDown(t *testing.T) {
	for _, d := range everything(t) {
		if isHelper(d.path) {
			continue
		}
		from, ok := rung(d.path)
		if !ok {
			t.Errorf("%s is on no rung of the ladder in table_test.go: give it one", d.path)
			continue
		}
		for _, f := range d.files {
			if !f.test {
				checkImports(t, d, f, from)
			}
		}
	}
}

func checkImports(t *testing.T, d *directory, f *source, from int) {
	t.Helper()
	for _, imported := range f.imports() {
		folder, ok := ours(imported)
		if !ok {
			continue
		}
		to, known := rung(folder)
		switch {
		case isHelper(folder):
			t.Errorf("%s imports %s, which is for tests only", f.path, folder)
		case !known: // reported by itself
		case to < from:
			t.Errorf("%s imports %s, which stands above %s on the ladder: turn the dependency round", f.path,
				folder, d.path)
		case to == from:
			t.Errorf("%s imports %s, which stands beside %s: move what both need down", f.path, folder, d.path)
		}
	}
}

func TestLadderNamesOnlyWhatExists(t *testing.T) {
	for _, patterns := range ladder {
		for _, pattern := range patterns {
			exists := slices.ContainsFunc(everything(t), func(d *directory) bool {
				matched, _ := path.Match(pattern, d.path)
				return matched
			})
			if !exists {
				t.Errorf("the ladder in table_test.go has a rung for %s, which does not exist", pattern)
			}
		}
	}
}

// TestReservedLibraries leaves out examples: they show what a host application writes.
func TestReservedLibraries(t *testing.T) {
	for _, d := range everything(t) {
		for _, f := range d.files {
			if f.base() == "example_test.go" {
				continue
			}
			for _, imported := range f.imports() {
				for library, only := range reserved {
					if within(imported, library) && !within(d.path, only.by) && !isHelper(d.path) {
						t.Errorf("%s imports %s: only %s may, %s", f.path, imported, only.by, only.why)
					}
				}
			}
		}
	}
}

func TestEveryPackageHasOneDoc(t *testing.T) {
	for _, d := range everything(t) {
		documented := slices.ContainsFunc(d.files, func(f *source) bool {
			return f.base() == "doc.go" && f.tree.Doc.Text() != ""
		})
		if !documented {
			t.Errorf("%s has no doc.go with a package comment: say what it is, what it refuses to be, who imports it",
				d.path)
		}
		for _, f := range d.files {
			if f.base() != "doc.go" && !f.generated && strings.TrimSpace(f.tree.Doc.Text()) != "" {
				t.Errorf("%s has a package comment: it belongs into doc.go", f.path)
			}
		}
	}
}
