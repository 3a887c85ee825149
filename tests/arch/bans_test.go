package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

func TestActorsDoNotWait(t *testing.T) {
	used := map[string]bool{}
	for _, d := range everything(t) {
		if !d.isActor() {
			continue
		}
		for _, f := range d.files {
			if f.test || slices.Contains(rim, f.base()) {
				continue
			}
			for _, complaint := range f.bannedCalls() {
				if _, ok := allowed[f.path]; ok {
					used[f.path] = true
				} else {
					t.Error(complaint)
				}
			}
		}
	}
	for name, why := range allowed {
		if !used[name] {
			t.Errorf("table_test.go allows %s what is banned (%s), but it does nothing of the sort: strike it out",
				name, why)
		}
	}
}

// bannedCalls returns a sentence for each use of what is banned.
func (f *source) bannedCalls() []string {
	var complaints []string
	ast.Inspect(f.tree, func(node ast.Node) bool {
		expression, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		if name := f.name(expression); banned[name] != "" {
			complaints = append(complaints, line(node)+" uses "+strings.TrimPrefix(name, module+"/actors/")+
				" in an actor package: use "+banned[name]+" or move it to the rim")
		}
		return true
	})
	return complaints
}

func TestGoroutinesStartOnlyWhatTheRimDeclares(t *testing.T) {
	for _, d := range everything(t) {
		if !d.isActor() {
			continue
		}
		atRim := d.declaredAtRim()
		for _, f := range d.files {
			if f.test || slices.Contains(rim, f.base()) {
				continue
			}
			ast.Inspect(f.tree, func(node ast.Node) bool {
				if start, ok := node.(*ast.GoStmt); ok && !atRim[called(start.Call)] {
					t.Errorf("%s starts a goroutine whose code is not in %s: an actor's goroutines live there", line(start),
						strings.Join(rim, ", "))
				}
				return true
			})
		}
	}
}

// declaredAtRim returns the names of the functions and methods of the rim files.
func (d *directory) declaredAtRim() map[string]bool {
	names := map[string]bool{}
	for _, f := range d.files {
		if !slices.Contains(rim, f.base()) {
			continue
		}
		for _, declaration := range f.tree.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				names[function.Name.Name] = true
			}
		}
	}
	return names
}

// called returns the name of the function or method of a call, "" for a function literal.
func called(call *ast.CallExpr) string {
	switch function := call.Fun.(type) {
	case *ast.Ident:
		return function.Name
	case *ast.SelectorExpr:
		return function.Sel.Name
	}
	return ""
}
