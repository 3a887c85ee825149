//go:build simbugs

package sim

import "github.com/chronik-go/chronik/actors/kit/planted"

func init() {
	bugs = append(bugs,
		bug{name: "offsets stamped early", within: 20, plant: func(on bool) { planted.StampEarly = on }},
		bug{name: "range off by one", within: 20, plant: func(on bool) { planted.ShortRange = on }},
		bug{name: "producers forgotten", within: 20, plant: func(on bool) { planted.ForgetProducers = on }},
	)
}
