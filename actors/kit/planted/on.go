//go:build simbugs

package planted

var (
	// StampEarly has a new leader stamp offsets before the first entry of its term is committed.
	StampEarly bool
	// ShortRange has a replica that copies a range of offsets miss the last one.
	ShortRange bool
	// ForgetProducers has a new leader begin with an empty table of producers.
	ForgetProducers bool
)
