//go:build simbugs

package planted

var (
	// StampEarly has a new leader stamp offsets before the first entry of its term is committed.
	StampEarly bool
	// ShortRange has a replica that copies a range of offsets miss the last one.
	ShortRange bool
	// ForgetProducers has a new leader begin with an empty table of producers.
	ForgetProducers bool
	// CutReply has an embedded reader take a reply for whole that ends in the middle of a batch.
	CutReply bool
	// MarkerOrder has an embedded reader take aborted transactions, which come in the order of their markers,
	// for ordered by their beginnings.
	MarkerOrder bool
)
