package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// pace is how much garbage the collector lets pile up. In the long run that is the configured percentage
// of what lives, ballast included. While that grows slowly, as when ten thousand partitions are made, it
// is less: the garbage of that time lies between things that stay, and the holes that it leaves in nearly
// every page of the heap are never given back. What grows fast are requests, and they do not stay.
//
//	state    garbage              left when
//	growing  a fifth of life      what lives has not grown by an eighth in four collections, or two of
//	                              them were next to each other → steady
//	steady   the percentage       more lives, by an eighth, than ever did → growing
type pace struct {
	percent int   // as configured
	ballast int64 // bytes that count as living and are not
	growing bool
	most    int64 // that lived when growth was seen last
	since   int   // collections since then
	last    time.Time

	live []metrics.Sample
	set  func(percent int)
}

const (
	growingPercent = 20
	leastGarbage   = 8 << 20 // is worth a collection
	growth         = 8       // one part in so many
	steadyAfter    = 4       // collections
	together       = 20 * time.Millisecond
)

// startPace begins to follow the collector. It lasts as long as the process.
func startPace(percent int, ballast int64) {
	p := &pace{
		percent: percent, ballast: ballast, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}},
		set: func(percent int) { debug.SetGCPercent(percent) },
	}
	p.collected(0, time.Now())
	p.follow()
}

// follow has collected called after the next collection, when nothing refers to the mark any more.
func (p *pace) follow() {
	mark := new(*pace) // a pointer, so that it is not put in one block with other small things
	runtime.AddCleanup(mark, func(p *pace) {
		metrics.Read(p.live)
		p.collected(int64(p.live[0].Value.Uint64())-p.ballast, time.Now())
		p.follow()
	}, p)
}

// collected is told how many bytes have survived a collection.
func (p *pace) collected(live int64, now time.Time) {
	first, was := p.last.IsZero(), p.growing
	if p.since++; first || live > p.most+p.most/growth {
		p.most, p.since = live, 0
	}
	p.growing = p.since < steadyAfter && (first || now.Sub(p.last) > together)
	p.last = now
	switch {
	case p.growing:
		garbage := max(live*growingPercent/100, leastGarbage)
		p.set(int(min(100*garbage/max(live+p.ballast, 1), int64(p.percent)))) // of the ballast, too
	case was || first:
		p.set(p.percent)
	}
}
