package fetch

import (
	"errors"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// limits are the bounds of one response (KIP-74): the first partition that has data gets at least one
// batch, however large; nobody else gets more than what is left.
type limits struct {
	version   int16
	rack      string // where the client is, "" if it does not say
	maxBytes  int
	committed bool // isolation level read_committed: nothing above the last stable offset
}

// item is one partition of a fetch that is being answered.
type item struct {
	entry     *entry
	env       *request.Env
	replica   *partition.Replica    // nil when the partition is not here; then code says why
	elsewhere *partition.Leadership // who leads a partition that is not here, nil: nobody knows
	size      int                   // bytes that were readable at the last look
	result
}

// result is what the response says about a partition.
type result struct {
	code        protocol.Code
	high        protocol.Offset
	stable      protocol.Offset
	start       protocol.Offset
	divergesAt  protocol.LeaderEpoch // NoLeaderEpoch: the client's history is a prefix of ours
	divergesEnd protocol.Offset
	region      partitionlog.Region // Length 0: no data; the result owns one reference to it
	aborted     []partitionlog.AbortedTransaction
	leader      *partition.Leadership // who leads instead, nil: nothing to say (KIP-951)
	nearest     *image.Broker         // whom to read from instead, nil: this broker (KIP-392)
	err         error                 // behind a storage error, for the log
}

// failed returns the result of a partition that cannot be read.
func failed(code protocol.Code) result {
	return result{
		code: code, high: protocol.NoOffset, stable: protocol.NoOffset, start: protocol.NoOffset,
		divergesAt: protocol.NoLeaderEpoch, divergesEnd: protocol.NoOffset,
	}
}

// urgent tells whether the client must hear of the partition at once, data or not.
func (r *result) urgent() bool {
	return !r.unknown() && !r.early() &&
		(r.code != protocol.None || r.divergesAt != protocol.NoLeaderEpoch || r.nearest != nil)
}

// early tells whether the client asks for what this replica is about to get.
func (r *result) early() bool { return r.code == protocol.OffsetNotAvailable }

// unknown tells whether the partition does not exist.
func (r *result) unknown() bool {
	return r.code == protocol.UnknownTopicOrPartition || r.code == protocol.UnknownTopicID
}

// release gives the region back, if there is one.
func (r *result) release() {
	if r.region.Length > 0 {
		r.region.Release()
		r.region = partitionlog.Region{}
	}
}

// readAll reads the partitions in order within the limits and returns how many bytes that gave and whether
// a partition has something to tell at once. Regions of an earlier reading are given back.
func readAll(items []item, l limits) (bytes int, urgent bool) {
	left, oversize := l.maxBytes, true
	for i := range items {
		one := &items[i]
		one.release()
		one.read(l, left, oversize)
		if one.size > 0 {
			oversize = false
			left = max(0, left-one.size)
			bytes += one.size
		}
		urgent = urgent || one.urgent()
	}
	return bytes, urgent
}

// read reads the partition now: at most left bytes, or one batch if oversize allows it.
func (i *item) read(l limits, left int, oversize bool) {
	if view := i.inspect(l); view != nil {
		i.readRegion(view, l, min(int(i.entry.maxBytes), left), oversize)
	}
}

// measure finds out about how much there is to read, without a look at any file.
func (i *item) measure(l limits) {
	if view := i.inspect(l); view != nil {
		i.size = min(i.available(view, l), max(1, int(i.entry.maxBytes)))
	}
}

// available returns about how many bytes there are for the client, at least 1.
func (i *item) available(view *partitionlog.View, l limits) int {
	bytes := view.Available(i.entry.offset)
	if l.committed {
		bytes = max(1, bytes-view.Available(i.stable))
	}
	return bytes
}

// inspect judges the partition and fills in the result but for the records. It returns the view to read
// them from, nil if there are none for this client.
func (i *item) inspect(l limits) *partitionlog.View {
	i.size = 0
	if i.replica == nil {
		i.result = failed(i.code)
		i.leader = i.elsewhere
		return nil
	}
	view := i.replica.View() // before the leadership: see partition.Replica
	leadership := i.replica.Leadership()
	if code := i.check(l, leadership, view); code != protocol.None {
		i.result = failed(oldCode(code, l.version))
		if code == protocol.NotLeaderOrFollower || code == protocol.FencedLeaderEpoch {
			i.leader = i.env.Leadership(i.replica.Group, i.replica)
		}
		return nil
	}
	return i.judge(l, leadership, view)
}

// judge goes on with a partition that this node may serve.
func (i *item) judge(l limits, leadership *partition.Leadership, view *partitionlog.View) *partitionlog.View {
	if i.ahead(l, leadership, view.End()) {
		i.result = failed(protocol.OffsetNotAvailable)
		i.high, i.stable = view.End(), view.LastStable() // what the wait begins with
		return nil
	}
	i.result = result{
		high: view.End(), stable: view.LastStable(), start: view.Start(),
		divergesAt: protocol.NoLeaderEpoch, divergesEnd: protocol.NoOffset,
	}
	switch {
	case i.diverges(view):
		return nil
	case i.entry.offset > view.End():
		i.result = failed(protocol.OffsetOutOfRange)
		return nil
	}
	if i.nearest = i.nearer(l, leadership); i.nearest != nil || i.entry.offset >= i.visibleEnd(l) {
		return nil
	}
	return view
}

// visibleEnd returns the offset before which the client may read.
func (i *item) visibleEnd(l limits) protocol.Offset {
	if l.committed {
		return i.stable
	}
	return i.high
}

// check applies the rules for a consumer (KIP-320 for the epochs). The leader serves, and a follower those
// who may come to it.
func (i *item) check(l limits, known *partition.Leadership, view *partitionlog.View) protocol.Code {
	if code := checkEpoch(i.entry.epoch, known.Epoch); code != protocol.None {
		return code
	}
	if view == nil || !known.Ready && !i.follows(l, known) {
		return protocol.NotLeaderOrFollower
	}
	if l.version < 10 && i.replica.Config().Compression == "zstd" {
		return protocol.UnsupportedCompressionType
	}
	if i.entry.offset < view.Start() {
		return protocol.OffsetOutOfRange
	}
	return protocol.None
}

// checkEpoch compares the leader epoch a client knows with ours.
func checkEpoch(theirs, ours protocol.LeaderEpoch) protocol.Code {
	switch {
	case theirs == protocol.NoLeaderEpoch || theirs == ours:
		return protocol.None
	case theirs < ours:
		return protocol.FencedLeaderEpoch
	default:
		return protocol.UnknownLeaderEpoch
	}
}

// diverges finds out whether the client holds records that our history does not have, if it said which
// epoch its last record is of (KIP-595). It goes before the comparison with the end of the log: a client
// that is ahead of a shorter history has to learn where to cut, not that its offset does not exist.
func (i *item) diverges(view *partitionlog.View) bool {
	theirs := i.entry.fetched
	if theirs == protocol.NoLeaderEpoch {
		return false
	}
	epoch, end := view.EpochEnd(theirs)
	if epoch == protocol.NoLeaderEpoch || end == protocol.NoOffset {
		i.result = failed(protocol.OffsetOutOfRange)
		return true
	}
	if epoch < theirs || end < i.entry.offset {
		i.divergesAt, i.divergesEnd = epoch, end
		return true
	}
	return false
}

// readRegion takes a reference to the piece of the segment that the client gets, and finds out what of it was
// aborted if the client leaves that out.
func (i *item) readRegion(view *partitionlog.View, l limits, most int, oversize bool) {
	if most <= 0 && !oversize {
		return
	}
	read := view.Read
	if l.committed {
		read = view.ReadCommitted
	}
	region, err := read(i.entry.offset, max(most, 0), oversize)
	var aborted []partitionlog.AbortedTransaction
	if err == nil && l.committed {
		if aborted, err = view.Aborted(i.entry.offset, region); err != nil {
			region.Release()
		}
	}
	if err != nil {
		i.result = failed(oldCode(codeOf(err), l.version))
		i.err = err
		return
	}
	i.region, i.size, i.aborted = region, int(region.Length), aborted
}

// codeOf returns what a reader is told about a log that could not be read. Damage to our own data is a
// storage error: the client tries another leader instead of skipping records.
func codeOf(err error) protocol.Code {
	var answer *protocol.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return protocol.KafkaStorageError
}

// oldCode spares clients of before Fetch 6 a code that they do not know: they would take a storage error
// for a fatal one.
func oldCode(code protocol.Code, version int16) protocol.Code {
	if code == protocol.KafkaStorageError && version <= 5 {
		return protocol.NotLeaderOrFollower
	}
	return code
}
