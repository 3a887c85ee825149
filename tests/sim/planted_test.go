//go:build simbugs

package sim

import "github.com/chronik-go/chronik/actors/kit/planted"

// The last two are mistakes that were made and that seeds have found.
func init() {
	bugs = append(bugs,
		bug{name: "offsets stamped early", within: 20, plant: func(on bool) { planted.StampEarly = on }},
		bug{name: "range off by one", within: 20, plant: func(on bool) { planted.ShortRange = on }},
		bug{name: "producers forgotten", within: 20, plant: func(on bool) { planted.ForgetProducers = on }},
		bug{name: "reply cut in a batch", within: 20, plant: func(on bool) { planted.CutReply = on }},
		bug{name: "aborted by their markers", within: 60, plant: func(on bool) { planted.MarkerOrder = on }},
	)
}
