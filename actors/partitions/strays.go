package partitions

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// clearStrays removes the directories of topics that were deleted right before a crash. It runs once per
// process, when the image has everything of the metadata log, and only touches a directory whose
// partition.metadata names a topic that the image no longer has: anything else is not ours to remove.
func (a *Actor) clearStrays(c *kit.Context) {
	options := a.options.Partition
	names, err := options.FS.List(options.LogDir)
	if err != nil && !vfs.IsNotExist(err) {
		c.Log().Warn().Err(err).Msg("cannot look for directories of deleted topics")
		return
	}
	for _, name := range names {
		if !isPartitionName(name) {
			continue
		}
		dir := filepath.Join(options.LogDir, name)
		id, err := partitionlog.TopicIDOf(options.FS, dir)
		if err != nil || a.image.TopicByID(image.TopicID(id)) != nil || a.names["partition-"+name] != nil {
			continue
		}
		if err := partitionlog.Remove(options.FS, dir, id); err != nil {
			c.Log().Warn().Err(err).Msg("directory of a deleted topic stays behind")
			continue
		}
		c.Log().Info().Str("directory", dir).Msg("removed the directory of a deleted topic")
	}
}

// isPartitionName tells whether a directory is named "<topic>-<index>".
func isPartitionName(name string) bool {
	dash := strings.LastIndexByte(name, '-')
	if dash <= 0 {
		return false
	}
	_, err := strconv.ParseUint(name[dash+1:], 10, 31)
	return err == nil
}
