package sim

import (
	"errors"
	"io"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/catchup"
	"github.com/chronik-go/chronik/raftactor/link"
	frames "github.com/chronik-go/chronik/raftactor/link/wire"
)

// pull copies the state of a replica from one node to another, piece by piece.
type pull struct {
	wire    *wire
	life    *life // of the asker
	other   *life
	source  applier.Source
	credits int
	moving  bool // a piece is on its way
	over    bool
	arrived func([]byte)
	ended   func(error)
}

func (p *pull) begin(at string, request frames.Item) {
	d := p.wire.doors[at]
	if p.over || p.life.dead {
		return
	}
	if d == nil || !p.reaches(d.life) {
		p.end(link.ErrDown)
		return
	}
	p.other = d.life
	err := d.door.Share(request, kit.AddressFor("pull", func(message any) { p.shared(message.(applier.Shared)) }))
	if err != nil {
		p.end(link.RemoteError{Text: err.Error()})
	}
}

// shared hears what there is. It comes in a turn of the other node.
func (p *pull) shared(m applier.Shared) {
	switch {
	case m.Err != nil:
		p.wire.later(func() { p.end(link.RemoteError{Text: m.Err.Error()}) })
	case p.over:
		m.Source.Close()
	default:
		p.source = catchup.Headed(m)
		p.move()
	}
}

// reaches tells whether both nodes are there for each other.
func (p *pull) reaches(other *life) bool {
	a, b := p.life.node.id, other.node.id
	return !other.dead && !other.still && p.wire.open(a, b) && p.wire.open(b, a)
}

// More implements applier.Stream.
func (p *pull) More() {
	p.credits++
	p.move()
}

// move sends the next piece, if it is asked for.
func (p *pull) move() {
	if p.moving || p.over || p.source == nil || p.credits == 0 {
		return
	}
	p.moving = true
	p.credits--
	p.wire.later(func() {
		p.moving = false
		p.next()
	})
}

func (p *pull) next() {
	if p.over || p.life.dead {
		return
	}
	if !p.reaches(p.other) {
		p.end(link.ErrDown)
		return
	}
	piece, err := p.source.Next()
	switch {
	case errors.Is(err, io.EOF):
		p.end(nil)
	case err != nil:
		p.end(link.RemoteError{Text: err.Error()})
	default:
		p.arrived(piece)
		p.move()
	}
}

func (p *pull) end(err error) {
	if p.over || p.life.dead {
		return
	}
	p.Close()
	p.ended(err)
}

// Close implements applier.Stream.
func (p *pull) Close() {
	p.over = true
	if p.source != nil {
		p.source.Close()
		p.source = nil
	}
}
