package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

// source is one parsed file.
type source struct {
	path      string // from the root of the module
	test      bool
	generated bool
	text      string
	tree      *ast.File
}

// directory is one package with its tests, external ones included.
type directory struct {
	path  string // from the root of the module, "storage/wal"
	files []*source
}

var fileSet = token.NewFileSet()

// directories parses the module once.
var directories = sync.OnceValues(func() ([]*directory, error) {
	byPath := map[string]*directory{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(name, entry.Name())
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		file, err := parse(name)
		if err != nil {
			return err
		}
		folder := path.Dir(file.path)
		if byPath[folder] == nil {
			byPath[folder] = &directory{path: folder}
		}
		byPath[folder].files = append(byPath[folder].files, file)
		return nil
	})
	all := make([]*directory, 0, len(byPath))
	for _, one := range byPath {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *directory) int { return strings.Compare(a.path, b.path) })
	return all, err
})

// enter skips what is not ours: hidden folders, test data, other modules.
func enter(name, base string) error {
	if name == root {
		return nil
	}
	if strings.HasPrefix(base, ".") || base == "testdata" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func parse(name string) (*source, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	relative = filepath.ToSlash(relative)
	tree, err := parser.ParseFile(fileSet, relative, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{
		path: relative, text: string(text), tree: tree,
		test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(tree),
	}, nil
}

// everything returns the directories of the module.
func everything(t *testing.T) []*directory {
	t.Helper()
	all, err := directories()
	if err != nil {
		t.Fatalf("the module does not parse: %v", err)
	}
	return all
}

func (f *source) base() string { return path.Base(f.path) }

// line returns where something is, for messages.
func line(node ast.Node) string {
	position := fileSet.Position(node.Pos())
	return position.Filename + ":" + strconv.Itoa(position.Line)
}

// imports returns the paths that a file imports, by the name they have in it.
func (f *source) imports() map[string]string {
	imports := map[string]string{}
	for _, one := range f.tree.Imports {
		imported, _ := strconv.Unquote(one.Path.Value) // the parser has checked it
		name := path.Base(imported)
		if one.Name != nil {
			name = one.Name.Name
		}
		imports[name] = imported
	}
	return imports
}

// ours returns the path of a package of this module from its root.
func ours(imported string) (string, bool) { return strings.CutPrefix(imported, module+"/") }

// within tells whether a path is a folder or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func isHelper(folder string) bool {
	return slices.ContainsFunc(helpers, func(helper string) bool { return within(folder, helper) })
}

// isActor tells whether the package has an actor: a method Receive of a *kit.Context.
func (d *directory) isActor() bool {
	return !isHelper(d.path) && slices.ContainsFunc(d.files, func(f *source) bool {
		return !f.test && len(f.receives()) > 0
	})
}

// receives returns the methods Receive that make something an Actor.
func (f *source) receives() []*ast.FuncDecl {
	var methods []*ast.FuncDecl
	for _, declaration := range f.tree.Decls {
		method, ok := declaration.(*ast.FuncDecl)
		if !ok || method.Recv == nil || method.Name.Name != "Receive" || len(method.Type.Params.List) != 1 {
			continue
		}
		if pointer, ok := method.Type.Params.List[0].Type.(*ast.StarExpr); ok && f.name(pointer.X) == kitContext {
			methods = append(methods, method)
		}
	}
	return methods
}

const kitContext = module + "/actors/kit.Context"

// name returns what a selector stands for, "time.Now" or with the whole path of the package; "" if it is not
// a name of another package.
func (f *source) name(expression ast.Expr) string {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if qualifier, ok := selector.X.(*ast.Ident); ok {
		if imported, ok := f.imports()[qualifier.Name]; ok {
			return imported + "." + selector.Sel.Name
		}
	}
	return ""
}
