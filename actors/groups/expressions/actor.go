package expressions

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

// Options say where the topics are.
type Options struct {
	Image    func() *image.Image
	Metadata kit.Address
	Log      zerolog.Logger
}

// tellPause is the least time between two times that changes are told: each may begin an epoch of a group.
const tellPause = time.Second

// resubscribeAfter is the wait before a metadata actor that failed is asked again.
const resubscribeAfter = 50 * time.Millisecond

// Actor looks after expressions. See the package comment for its card.
type Actor struct {
	options   Options
	image     *image.Image // that the table is of
	table     *table
	followers map[string]map[kit.Address]bool // by expression
	follows   map[kit.Address]map[string]bool // the same by who follows
	told      time.Time
	waiting   bool // for the end of the pause
}

// Spec returns how to spawn it.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options: options, image: options.Image(), table: newTable(),
				followers: map[string]map[kit.Address]bool{}, follows: map[kit.Address]map[string]bool{},
			}
		},
		Log: &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.subscribe(c)
	case Follow:
		a.onFollow(c, m)
	case Leave:
		a.leave(c, m.Who, m.Expression)
	case metadata.ImageChanged:
		a.onImageChanged(c, m)
	case tell:
		a.onTell(c)
	case resubscribe:
		a.subscribe(c)
	case kit.Terminated:
		a.onTerminated(c, m)
	}
}

func (a *Actor) subscribe(c *kit.Context) {
	c.Watch(a.options.Metadata)
	a.options.Metadata.Tell(metadata.Subscribe{Who: c.Self()})
}

// onFollow tells what the expression matches now.
func (a *Actor) onFollow(c *kit.Context, m Follow) {
	one, err := a.table.put(m.Expression, namesOf(a.image))
	if err != nil {
		m.Who.Tell(Matched{Expression: m.Expression, Err: err})
		return
	}
	if a.follows[m.Who] == nil {
		a.follows[m.Who] = map[string]bool{}
		c.Watch(m.Who)
	}
	if a.followers[m.Expression] == nil {
		a.followers[m.Expression] = map[kit.Address]bool{}
	}
	a.follows[m.Who][m.Expression] = true
	a.followers[m.Expression][m.Who] = true
	m.Who.Tell(Matched{Expression: m.Expression, Topics: one.share()})
}

// leave forgets that somebody follows an expression, and the expression if nobody does.
func (a *Actor) leave(c *kit.Context, who kit.Address, expression string) {
	delete(a.followers[expression], who)
	if len(a.followers[expression]) == 0 {
		delete(a.followers, expression)
		a.table.drop(expression)
	}
	if followed := a.follows[who]; followed != nil {
		if delete(followed, expression); len(followed) == 0 {
			delete(a.follows, who)
			c.Unwatch(who)
		}
	}
}

// onImageChanged compares the topics that have come and gone.
func (a *Actor) onImageChanged(c *kit.Context, m metadata.ImageChanged) {
	a.image = m.Image
	if m.First {
		a.table.rebuild(func() iter.Seq[string] { return namesOf(a.image) })
	}
	for _, event := range m.Events {
		switch e := event.(type) {
		case image.TopicCreated:
			a.table.added(e.Topic.Name)
		case image.TopicDeleted:
			a.table.removed(e.Topic.Name)
		}
	}
	a.maybeTell(c)
}

// maybeTell tells what has changed, now or at the end of the pause.
func (a *Actor) maybeTell(c *kit.Context) {
	if a.waiting || len(a.table.changed) == 0 {
		return
	}
	if wait := a.told.Add(tellPause).Sub(c.Now()); wait > 0 {
		a.waiting = true
		c.After(wait, tell{})
		return
	}
	a.told = c.Now()
	for _, expression := range slices.Sorted(maps.Keys(a.table.changed)) {
		topics := a.table.changed[expression].share()
		for who := range a.followers[expression] {
			who.Tell(Matched{Expression: expression, Topics: topics})
		}
	}
	clear(a.table.changed)
}

func (a *Actor) onTell(c *kit.Context) {
	a.waiting = false
	a.maybeTell(c)
}

// onTerminated forgets a group that is gone, or waits for the next metadata actor.
func (a *Actor) onTerminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Equal(a.options.Metadata) {
		c.After(resubscribeAfter, resubscribe{})
		return
	}
	for _, expression := range slices.Collect(maps.Keys(a.follows[m.Who])) {
		a.leave(c, m.Who, expression)
	}
}

func namesOf(i *image.Image) iter.Seq[string] {
	return func(yield func(string) bool) {
		for topic := range i.Topics() {
			if !yield(topic.Name) {
				return
			}
		}
	}
}
