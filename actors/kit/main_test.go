package kit_test

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestMain(m *testing.M) { kittest.VerifyMain(m) }

// patience bounds waits of tests that run in real time; none comes near it.
const patience = 30 * time.Second

// request is a message that must be answered; what comes back are served and refused.
type request struct {
	token   int
	replyTo kit.Address
	boom    bool
}

type (
	served  struct{ token int }
	refused struct {
		token int
		err   error
	}
)

func (r request) Refuse(err error) { r.replyTo.Tell(refused{r.token, err}) }

// serve answers a request, or panics if it asks for that.
func serve(r request) {
	if r.boom {
		panic("boom")
	}
	r.replyTo.Tell(served{r.token})
}

// server answers requests and remembers nothing.
func server(c *kit.Context) {
	switch m := c.Message().(type) {
	case request:
		serve(m)
	case kit.Batch:
		for one := range m.All() {
			serve(one.(request))
		}
	}
}

func spec(receive kit.Func) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return receive }}
}

// newSystem returns a system with the real dispatcher that ends with the test.
func newSystem(t testing.TB) *kit.System {
	s := kit.NewSystem(kit.SystemConfig{})
	t.Cleanup(s.Shutdown)
	return s
}
