package fetch

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// Epochs of a fetch session with a meaning of their own (KIP-227).
const (
	noSession    int32 = 0
	initialEpoch int32 = 0
	finalEpoch   int32 = -1
)

// firstTopicIDs is the first Fetch version that names topics by id. A session is of one kind or the other.
const firstTopicIDs = 13

// session is what a client need not repeat in every fetch: its partitions, in the order in which they are
// served. The order rotates: whoever got data goes to the end, so that a busy partition that fills every
// response starves nobody.
type session struct {
	id       int32
	epoch    int32 // what the next incremental fetch must carry
	topicIDs bool
	byKey    map[key]*entry
	first    *entry
	last     *entry
}

// sessions are the fetch sessions of one connection. A client keeps one per broker, so a small bound does.
//
// What a request asks for is one of (KIP-227, "Fetch session metadata"):
//
//	id  epoch  meaning
//	0   -1     no session
//	0   0      all partitions, make a session
//	N   0      the same, close session N first
//	N   -1     all partitions, close session N, make none
//	N   1..    what changed since epoch - 1 of session N
//	0   1..    answered like an unknown id
type sessions struct {
	shared *Sessions
	all    []*session // oldest first
}

// maxSessions bounds the sessions of one connection; the oldest makes room. Two, since a client may open a
// new one before it closes the old one.
const maxSessions = 2

// begin finds or makes the session of a request and returns the partitions to read. A code other than None
// is the answer to the whole request.
func (s *sessions) begin(r *kmsg.FetchRequest) (scope, protocol.Code) {
	id, epoch := r.SessionID, r.SessionEpoch
	if r.Version < 7 {
		id, epoch = noSession, finalEpoch
	}
	if epoch == finalEpoch || epoch == initialEpoch {
		s.close(id)
		return s.full(r, epoch == initialEpoch), protocol.None
	}
	return s.incremental(r, id, epoch)
}

// full reads all partitions of the request, in a new session if there is room for it.
func (s *sessions) full(r *kmsg.FetchRequest, wanted bool) scope {
	entries := entriesOf(r)
	if !wanted || len(entries) == 0 || !s.shared.begin(len(entries)) {
		return scope{entries: entries}
	}
	if len(s.all) == maxSessions {
		s.close(s.all[0].id)
	}
	made := &session{
		id: s.shared.newID(s.holds), epoch: 1, topicIDs: r.Version >= firstTopicIDs,
		byKey: make(map[key]*entry, len(entries)),
	}
	for i := range entries {
		made.put(&entries[i])
	}
	s.shared.release(len(entries) - len(made.byKey)) // partitions that were named twice
	s.all = append(s.all, made)
	return scope{session: made, full: true}
}

// incremental applies the changes of the request to its session.
func (s *sessions) incremental(r *kmsg.FetchRequest, id, epoch int32) (scope, protocol.Code) {
	found := s.find(id)
	switch {
	case found == nil:
		return scope{}, protocol.FetchSessionIDNotFound
	case found.epoch != epoch:
		return scope{}, protocol.InvalidFetchSessionEpoch
	case found.topicIDs != (r.Version >= firstTopicIDs):
		return scope{}, protocol.FetchSessionTopicIDError
	}
	if !s.update(found, r) {
		s.close(id)
		return scope{}, protocol.FetchSessionIDNotFound
	}
	if len(found.byKey) == 0 {
		s.close(id)
		return scope{}, protocol.None
	}
	found.epoch = nextEpoch(epoch)
	return scope{session: found}, protocol.None
}

// update adds, changes and forgets partitions. It returns false when the bound on cached partitions leaves
// no room: the session cannot go on without losing track, and the client makes a new one.
func (s *sessions) update(found *session, r *kmsg.FetchRequest) bool {
	changes := entriesOf(r)
	for i := range changes {
		change := &changes[i]
		if known := found.byKey[change.key]; known != nil {
			known.want = change.want
			continue
		}
		if !s.shared.reserve(1) {
			return false
		}
		alone := *change // a pointer into changes would keep all of it alive
		found.put(&alone)
	}
	for i := range r.ForgottenTopics {
		topic := &r.ForgottenTopics[i]
		for _, partition := range topic.Partitions {
			if found.drop(keyOf(r.Version, topic.Topic, topic.TopicID, partition)) {
				s.shared.release(1)
			}
		}
	}
	return true
}

func (s *sessions) find(id int32) *session {
	for _, one := range s.all {
		if one.id == id {
			return one
		}
	}
	return nil
}

func (s *sessions) holds(id int32) bool { return s.find(id) != nil }

// close ends a session; an unknown id is ignored.
func (s *sessions) close(id int32) {
	for i, one := range s.all {
		if one.id == id {
			s.all = append(s.all[:i], s.all[i+1:]...)
			s.shared.end(len(one.byKey))
			return
		}
	}
}

// closeAll ends every session of the connection.
func (s *sessions) closeAll() {
	for len(s.all) > 0 {
		s.close(s.all[0].id)
	}
}

// nextEpoch counts from 1 up and starts again at 1: 0 and -1 have a meaning of their own.
func nextEpoch(epoch int32) int32 {
	if epoch == 1<<31-1 {
		return 1
	}
	return epoch + 1
}

// changed returns the items that belong into the response, and remembers what it says: all of them after a
// full fetch, else those with data, an error or another high watermark or log start than last time. An
// error makes the next response mention the partition whatever happens. The slice is reused.
func (s *session) changed(items []item, full bool) []item {
	kept := items[:0]
	for i := range items {
		one := &items[i]
		now := told{high: one.high, start: one.start}
		data := one.region.Length > 0
		if !full && !data && one.code == protocol.None && now == one.entry.told &&
			one.divergesAt == protocol.NoLeaderEpoch && one.nearest == nil {
			continue
		}
		one.entry.told = now
		if data && !full {
			s.served(one.entry)
		}
		kept = append(kept, *one)
	}
	return kept
}

// put adds an entry at the end. Of two entries with one key the later one counts.
func (s *session) put(e *entry) {
	if known := s.byKey[e.key]; known != nil {
		known.want = e.want
		return
	}
	s.byKey[e.key] = e
	s.link(e)
}

func (s *session) drop(k key) bool {
	known := s.byKey[k]
	if known == nil {
		return false
	}
	delete(s.byKey, k)
	s.unlink(known)
	return true
}

// served moves an entry that got data to the end. An entry that was forgotten meanwhile stays out.
func (s *session) served(e *entry) {
	if s.byKey[e.key] == e {
		s.unlink(e)
		s.link(e)
	}
}

func (s *session) link(e *entry) {
	e.previous, e.next = s.last, nil
	if s.last == nil {
		s.first = e
	} else {
		s.last.next = e
	}
	s.last = e
}

func (s *session) unlink(e *entry) {
	if e.previous == nil {
		s.first = e.next
	} else {
		e.previous.next = e.next
	}
	if e.next == nil {
		s.last = e.previous
	} else {
		e.next.previous = e.previous
	}
	e.previous, e.next = nil, nil
}
