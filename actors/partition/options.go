package partition

import (
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// Options is what every replica of this node shares.
type Options struct {
	FS      vfs.FS
	LogDir  string                    // holds the directories of all partitions
	Handles *partitionlog.HandleCache // bounds the open files of all logs
	Raft    kit.Address               // host of the Raft groups
	Log     zerolog.Logger
}

// logConfig completes a topic's configuration with what is the replica's and the node's.
func (o *Options) logConfig(r *Replica, c *Config) partitionlog.Config {
	config := c.Log
	config.TopicID, config.Handles, config.Placer = r.TopicID, o.Handles, r.placer.Load()
	return config
}

// clearPredecessor removes what a crash left of the log that was deleted before this one was created: that of
// an earlier topic of the same name, since the image has one topic of a name; or that of an earlier replica
// of this partition on this node. The latter is certain only of a replica that joins its group: it begins
// with nothing. One that founds its group and finds a log has lost its write-ahead log; opening it says so.
func (o *Options) clearPredecessor(r *Replica) error {
	if placer := r.placer.Load(); placer != nil && placer.Loaded() {
		return nil // the write-ahead log refers to what is there
	}
	id, err := partitionlog.TopicIDOf(o.FS, r.Dir)
	if err != nil {
		return nil // nothing there, or nothing that names a topic: opening it decides
	}
	if founds := len(r.Voters) > 0; founds && id == r.TopicID {
		return nil
	}
	return partitionlog.Remove(o.FS, r.Dir, id)
}
