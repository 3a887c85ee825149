package protocol

// Offset is the position of a record within its partition, counted in records from 0.
type Offset int64

// LeaderEpoch numbers the reigns of a partition's leaders; it only grows. It equals the Raft term of the
// partition's group.
type LeaderEpoch int32

// NoOffset and NoLeaderEpoch are what the wire carries where there is no such value.
const (
	NoOffset      Offset      = -1
	NoLeaderEpoch LeaderEpoch = -1
)
