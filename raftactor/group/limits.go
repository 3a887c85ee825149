package group

import "time"

// Limits of one group. All count from Prepare until the entry is applied here or leadership is lost.
const (
	// maxPendingBytes bounds the data of proposals that are not applied yet. At the limit further proposals
	// get ErrBusy before they are prepared. One request may pass it, since its size is known only afterwards.
	maxPendingBytes = 64 << 20

	// maxPending bounds the number of such proposals, and separately of those who wait for them.
	maxPending = 1 << 16

	// maxStepBytes bounds the data that goes into raft in one step. Raft sees the proposals without their
	// data (see submit), so its own limit on the size of a message to a peer does not hold for them; this
	// one takes its place.
	maxStepBytes = 4 << 20

	// maxMessageBytes is raft's limit for entries that it reads again for a peer that lags.
	maxMessageBytes = 1 << 20

	// maxApplyingBytes bounds what the applier has been given and has not confirmed.
	maxApplyingBytes = 16 << 20

	// maxInflight bounds the appends to a peer that are not acknowledged.
	maxInflight = 64

	// keepTailBytes is how much of what is applied a group with peers keeps, for peers that lag behind a
	// leader that this replica may become.
	keepTailBytes = 1 << 20

	// maxTailBytes is how much a leader keeps for peers that are behind; one that is further behind must
	// get a snapshot.
	maxTailBytes = 64 << 20

	// maxBatch is the number of messages in one turn of the core.
	maxBatch = 1024

	// Raft's timeouts in ticks of the host. A leader that hears of nobody for electionTicks steps down.
	electionTicks  = 10
	heartbeatTicks = 2

	// quietTicks is how long a group with peers must have been idle before it asks for no more ticks. It is
	// well below electionTicks, so a follower goes to sleep before it would miss a sleeping leader.
	quietTicks = 4
)

// TickEvery is the time between two ticks of a group that is awake.
const TickEvery = 100 * time.Millisecond
