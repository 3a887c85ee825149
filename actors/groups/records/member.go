package records

import "bytes"

// Member is what a member of a consumer group said of itself.
type Member struct {
	InstanceID, RackID *string
	ClientID           string
	ClientHost         string
	Names              []string // topics that it subscribes to, in order
	Regex              *string  // the same by a regular expression
	RebalanceMillis    int32
	Assignor           *string
	Classic            *ClassicMember // nil: it speaks the newer protocol
}

// ClassicMember is what a member that speaks the classic protocol said besides.
type ClassicMember struct {
	SessionMillis int32
	Protocols     []ClassicProtocol
}

// ClassicProtocol is a way of assignment that a member knows, with its subscription.
type ClassicProtocol struct {
	Name     string
	Metadata []byte
}

// classicTag is the number of the tagged field that holds the ClassicMember.
const classicTag = 0

// MemberValue is the value of MemberKind.
func MemberValue(m *Member) []byte {
	w := begin()
	w.maybeText(m.InstanceID)
	w.maybeText(m.RackID)
	w.text(m.ClientID)
	w.text(m.ClientHost)
	w.texts(m.Names)
	w.maybeText(m.Regex)
	w.int32(m.RebalanceMillis)
	w.maybeText(m.Assignor)
	if m.Classic == nil {
		w.noTags()
		return w.data
	}
	payload := m.Classic.encode()
	w.count(1)
	w.count(classicTag)
	w.count(len(payload))
	w.data = append(w.data, payload...)
	return w.data
}

// encode returns the structure behind the byte that says that it is there.
func (c *ClassicMember) encode() []byte {
	w := &writer{}
	w.int8(1)
	w.int32(c.SessionMillis)
	w.list(len(c.Protocols))
	for i := range c.Protocols {
		w.text(c.Protocols[i].Name)
		w.list(len(c.Protocols[i].Metadata))
		w.data = append(w.data, c.Protocols[i].Metadata...)
		w.noTags()
	}
	w.noTags()
	return w.data
}

// ReadMember decodes it.
func ReadMember(data []byte) (Member, error) {
	r, err := open(data)
	if err != nil {
		return Member{}, err
	}
	m := Member{InstanceID: r.maybeText(), RackID: r.maybeText(), ClientID: r.text(), ClientHost: r.text()}
	m.Names, m.Regex, m.RebalanceMillis = r.texts(), r.maybeText(), r.int32()
	m.Assignor = r.maybeText()
	r.tags(func(tag int, payload []byte) {
		if tag == classicTag {
			m.Classic = readClassic(r, payload)
		}
	})
	return m, r.err()
}

// readClassic reads the payload of the tag; a mistake in it is one of the value.
func readClassic(whole *reader, payload []byte) *ClassicMember {
	r := &reader{data: payload}
	if r.int8() < 0 {
		return nil
	}
	c := &ClassicMember{SessionMillis: r.int32()}
	for range r.list() {
		p := ClassicProtocol{Name: r.text(), Metadata: bytes.Clone(r.bytes())}
		r.tags(nil)
		c.Protocols = append(c.Protocols, p)
	}
	r.tags(nil)
	whole.failed = whole.failed || r.failed
	return c
}
