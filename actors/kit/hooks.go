package kit

// hooks are what stands between a message and its actor, where there is anything.
type hooks struct {
	trace  func(who Address, message any)
	faults *Faults
}

// newHooks returns nil where there is nothing to call.
func newHooks(trace func(who Address, message any), faults *Faults) *hooks {
	if trace == nil && faults == nil {
		return nil
	}
	return &hooks{trace: trace, faults: faults}
}

func (h *hooks) handle(c *cell, message any) {
	if h.trace != nil {
		h.trace(Address{c}, message)
	}
	if h.faults != nil {
		if one := h.faults.strike(c, message); one != nil {
			one.handle(c, message)
			return
		}
	}
	c.user.Receive(&c.context)
}
