package kit

// Child returns the Address of a child by its name, whether or not it lives at the moment: what is told to
// it reaches whoever bears the name then, and is refused while nobody does. It follows a child that its
// parent rebuilds; the Address that Spawn returned does not. Watch, Stop and Poison mean the incarnation
// that lives when they are called.
func (a Address) Child(name string) Address {
	switch a.to.(type) {
	case *cell, place:
		return Address{place{parent: a.to, name: name}}
	}
	return Address{}
}

// place is a recipient by name. It is a value, so that two of the same name compare equal.
type place struct {
	parent recipient // a cell or a place
	name   string
}

func (p place) path() string { return p.parent.path() + "/" + p.name }

func (p place) deliver(message any) bool {
	if c := p.incumbent(); c != nil {
		return c.deliver(message)
	}
	system := p.system()
	system.undelivered(system.metrics.kind(p.name), p.path(), message)
	return false
}

// incumbent returns the actor that bears the name, nil if there is none.
func (p place) incumbent() *cell {
	parent := p.root()
	if above, ok := p.parent.(place); ok {
		if parent = above.incumbent(); parent == nil {
			return nil
		}
	}
	parent.mu.Lock()
	defer parent.mu.Unlock()
	return parent.children.find(p.name)
}

// root returns the cell that the path of places starts at.
func (p place) root() *cell {
	if above, ok := p.parent.(place); ok {
		return above.root()
	}
	return p.parent.(*cell)
}

func (p place) system() *System { return p.root().system }

// cell returns the actor behind an Address at this moment, nil if there is none.
func (a Address) cell() *cell {
	switch to := a.to.(type) {
	case *cell:
		return to
	case place:
		return to.incumbent()
	}
	return nil
}
