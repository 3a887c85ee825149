package hostile

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var formatter = kmsg.NewRequestFormatter(kmsg.FormatterClientID("hostile"))

// socket is a raw connection.
type socket struct {
	net.Conn
	last int32
}

// dial connects. The socket is reset when it is closed, so that no port lingers.
func dial(address string) (*socket, error) { return dialWith(net.Dialer{Timeout: patience}, address) }

func dialWith(dialer net.Dialer, address string) (*socket, error) {
	c, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_ = c.(*net.TCPConn).SetLinger(0) // at worst the port lingers
	return &socket{Conn: c}, nil
}

func (v *victim) dial() *socket {
	v.t.Helper()
	s, err := dial(v.address)
	if err != nil {
		v.t.Fatal(err)
	}
	return s
}

// end is how the broker dealt with bytes.
type end int

const (
	replied end = iota
	closed
	silent // it waits for more, or the request said that it wants no reply
)

// listen waits a while for a reply frame or the end of the connection.
func (s *socket) listen(wait time.Duration) (end, []byte) {
	_ = s.SetReadDeadline(time.Now().Add(wait))
	var prefix [4]byte
	_, err := io.ReadFull(s, prefix[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silent, nil
	case err != nil:
		return closed, nil
	}
	size := int(int32(binary.BigEndian.Uint32(prefix[:])))
	if size < 4 || size > 64<<20 {
		return closed, nil
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(s, frame); err != nil {
		return closed, nil
	}
	return replied, frame
}

// endure sends a request and waits a moment: some wait long by right, as a fetch may, and some want no reply.
func (s *socket) endure(request []byte) end {
	_, _ = s.Write(request) // the broker may have closed before all was written
	outcome, _ := s.listen(8 * time.Millisecond)
	return outcome
}

// request frames a request.
func (s *socket) request(r kmsg.Request) []byte {
	s.last++
	return formatter.AppendRequest(nil, r, s.last)
}

// ask sends a request and parses its reply.
func (s *socket) ask(r kmsg.Request) (kmsg.Response, error) {
	if _, err := s.Write(s.request(r)); err != nil {
		return nil, err
	}
	outcome, frame := s.listen(patience)
	if outcome != replied {
		return nil, errors.New("no reply")
	}
	if got := int32(binary.BigEndian.Uint32(frame)); got != s.last {
		return nil, errors.New("reply to another request")
	}
	body := frame[4:]
	if r.IsFlexible() && r.Key() != int16(kmsg.ApiVersions) {
		body = body[1:]
	}
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	return response, response.ReadFrom(body)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
