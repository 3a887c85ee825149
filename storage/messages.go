package storage

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/datadir"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/wal"
)

// Opened tells the parent that the data directory is ready.
type Opened struct {
	Dir     *datadir.Dir   // belongs to the parent now; storage only closes it, when it stops
	WAL     kit.Address    // takes the messages of walactor
	Janitor kit.Address    // takes janitor.Register, Unregister and CheckpointNow
	Space   *janitor.Space // whether there is room, for anybody to read
	Groups  []wal.GroupID  // groups that the log knows, ascending
}

// Failed tells the parent that the data directory cannot be used, or not any more. Err is fit to be shown
// to the operator.
type Failed struct{ Err error }
