package catchup

// again is the end of a wait for a slot.
type again struct{}

// arrived brings a piece from the reader.
type arrived struct{ piece []byte }

// ended says that the reader is at the end of the state, or why it cannot get there.
type ended struct{ err error }
