package kit

import (
	"slices"
	"strings"
	"sync"
)

// Node is an actor in the live supervision tree.
type Node struct {
	Name     string // "group-7"
	Kind     string // "group": the name up to the first dash
	Children []Node
}

// tree keeps the paths of all actors.
type tree struct {
	mu    sync.Mutex
	paths map[string]struct{}
}

func (t *tree) add(path string) {
	t.mu.Lock()
	t.paths[path] = struct{}{}
	t.mu.Unlock()
}

func (t *tree) remove(path string) {
	t.mu.Lock()
	delete(t.paths, path)
	t.mu.Unlock()
}

// Tree returns the live supervision tree, sorted by name.
func (s *System) Tree() []Node {
	s.tree.mu.Lock()
	paths := make([]string, 0, len(s.tree.paths))
	for path := range s.tree.paths {
		paths = append(paths, path)
	}
	s.tree.mu.Unlock()
	slices.Sort(paths)
	children := make(map[string][]string)
	for _, path := range paths {
		parent := ""
		if cut := strings.LastIndexByte(path, '/'); cut >= 0 {
			parent = path[:cut]
		}
		children[parent] = append(children[parent], path)
	}
	return nodes(children, "")
}

func nodes(children map[string][]string, parent string) []Node {
	var list []Node
	for _, path := range children[parent] {
		name := path[strings.LastIndexByte(path, '/')+1:]
		kind, _, _ := strings.Cut(name, "-")
		list = append(list, Node{Name: name, Kind: kind, Children: nodes(children, path)})
	}
	return list
}
