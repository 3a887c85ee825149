package kit

// Postponed keeps messages that an actor cannot handle yet, in order and within a bound. An actor that stops
// while it keeps some calls Refuse in Stopping.
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

// Take returns what was kept, in order, and empties the queue. What is added while the caller handles it
// comes with the next Take.
func (p *Postponed) Take() []any {
	messages := p.messages
	p.messages = nil
	return messages
}

// Refuse empties the queue and refuses what is Refusable.
func (p *Postponed) Refuse(err error) {
	for _, message := range p.Take() {
		if message, ok := message.(Refusable); ok {
			message.Refuse(err)
		}
	}
}

// Len returns the number of messages kept.
func (p *Postponed) Len() int { return len(p.messages) }
