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
	config.TopicID, config.Handles = r.TopicID, o.Handles
	return config
}

// clearPredecessor removes the log of an earlier topic of the same name. Its deletion was interrupted by a
// crash: the image has one topic of a name, so the other one was deleted before this one was created.
func (o *Options) clearPredecessor(r *Replica) error {
	id, err := partitionlog.TopicIDOf(o.FS, r.Dir)
	if err != nil || id == r.TopicID {
		return nil // nothing there, or nothing that names another topic: opening it decides
	}
	return partitionlog.Remove(o.FS, r.Dir, id)
}
