package kit

// Dispatcher decides where and when the turns of actors run.
type Dispatcher interface {
	// Schedule arranges for turn to run once, soon. It never blocks. Turns of one actor never overlap
	// because the next one is scheduled only when the one before has ended.
	Schedule(who Address, turn func())
	// Throughput returns how many messages (or batches) one turn may handle before it goes to the back of
	// the queue; at least 1.
	Throughput() int
}

// Driver is a Dispatcher that runs turns only when it is told to. Ask, StopAndWait and Shutdown drive it
// before they wait.
type Driver interface{ Drive() }
