package partitions

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// stray is the directory of a partition that this node has no replica of any more.
type stray struct {
	dir string
	id  image.TopicID
}

// clearStrays removes what a crash kept from being removed: the directories of topics that were deleted, and
// of partitions that went to other nodes. It runs once per process, when the image has everything of the
// metadata log, and only touches a directory whose partition.metadata names its topic: anything else is not
// ours to remove.
func (a *Actor) clearStrays(c *kit.Context) {
	if a.image.ClusterID() == "" {
		return // an image that knows of no cluster knows of no topics
	}
	options := a.options.Partition
	names, err := options.FS.List(options.LogDir)
	if err != nil && !vfs.IsNotExist(err) {
		c.Log().Warn().Err(err).Msg("cannot look for directories of deleted topics")
		return
	}
	for _, name := range names {
		index, is := partitionIndex(name)
		if !is || a.names["partition-"+name] != nil {
			continue
		}
		dir := filepath.Join(options.LogDir, name)
		id, err := partitionlog.TopicIDOf(options.FS, dir)
		if err != nil {
			continue
		}
		one := stray{dir: dir, id: id}
		if topic := a.image.TopicByID(id); topic == nil {
			a.clear(c, one)
		} else {
			a.forgetStray(c, topic, index, one)
		}
	}
}

// forgetStray has the write-ahead log forget the group of a partition that went to other nodes, before its
// directory goes: should this node get a replica of it again, that one begins with nothing.
func (a *Actor) forgetStray(c *kit.Context, topic *image.Topic, index int32, one stray) {
	p, exists := topic.Partition(index)
	_, here := p.ReplicaOn(a.options.NodeID)
	if !exists || here || !a.registered() {
		return
	}
	a.strays[p.Group] = one
	a.options.Partition.Raft.Tell(raftactor.Stop{Group: p.Group, Remove: true, ReplyTo: c.Self()})
}

// onStrayForgotten removes the directory of a group that the write-ahead log has forgotten. If the partition
// came back to this node meanwhile, its new replica has the directory now.
func (a *Actor) onStrayForgotten(c *kit.Context, m raftactor.Stopped) {
	one, asked := a.strays[m.Group]
	if !asked {
		return
	}
	delete(a.strays, m.Group)
	switch {
	case m.Err != nil:
		c.Log().Warn().Err(m.Err).Str("directory", one.dir).Msg("directory of a moved partition stays behind")
	case a.local(m.Group) == nil:
		a.clear(c, one)
	}
}

func (a *Actor) clear(c *kit.Context, one stray) {
	if err := partitionlog.Remove(a.options.Partition.FS, one.dir, one.id); err != nil {
		c.Log().Warn().Err(err).Msg("directory of a deleted topic stays behind")
		return
	}
	c.Log().Info().Str("directory", one.dir).Msg("removed the directory of a deleted topic")
}

// partitionIndex returns the partition of a directory that is named "<topic>-<index>".
func partitionIndex(name string) (int32, bool) {
	dash := strings.LastIndexByte(name, '-')
	if dash <= 0 {
		return 0, false
	}
	index, err := strconv.ParseUint(name[dash+1:], 10, 31)
	return int32(index), err == nil
}
