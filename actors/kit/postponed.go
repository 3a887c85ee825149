package kit

// Postponed keeps messages that an actor cannot handle yet, in order and within a bound.
type Postponed struct {
	limit    int
	messages []any
}

// NewPostponed returns a queue of at most limit messages.
func NewPostponed(limit int) *Postponed { return &Postponed{limit: limit} }

// Add keeps a message, or declines past the limit: the caller answers it then.
func (p *Postponed) Add(message any) bool {
	if len(p.messages) >= p.limit {
		return false
	}
	p.messages = append(p.messages, message)
	return true
}

// Take returns what was kept, in order, and empties the queue.
func (p *Postponed) Take() []any {
	messages := p.messages
	p.messages = nil
	return messages
}

// Len returns the number of messages kept.
func (p *Postponed) Len() int { return len(p.messages) }
