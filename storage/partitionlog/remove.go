package partitionlog

import (
	"fmt"
	"hash/crc32"
	"path"
	"strings"

	"github.com/chronik-go/chronik/storage/vfs"
)

// suffixDeleted ends the name of a partition directory that is being removed, as in Kafka.
const suffixDeleted = "-delete"

// TopicIDOf returns the topic id that is written in the partition.metadata of a directory.
func TopicIDOf(fs vfs.FS, dir string) ([16]byte, error) {
	text, err := vfs.ReadFile(fs, path.Join(dir, nameMetadata), maxMetadataBytes)
	if err != nil {
		return [16]byte{}, err
	}
	return parseMetadata(text)
}

// Remove removes the directory of a partition that nobody has open. The directory gets another name first, so
// that a partition that is created anew never finds half of its predecessor; RemoveDeleted finishes what a
// crash interrupted. A directory that holds files which are not ours stays, under its new name. One that does
// not exist is removed already.
//
// The new name is durable before the first file goes: after a crash in between, the old name would hold what
// is left of the files without the one that says whose they are, and the next topic of that name could not
// tell them from its own.
func Remove(fs vfs.FS, dir string, topicID [16]byte) error {
	if err := removeRenewals(fs, dir); err != nil {
		return err
	}
	return removeLog(fs, dir, topicID)
}

// removeLog removes the directory itself.
func removeLog(fs vfs.FS, dir string, topicID [16]byte) error {
	mark := crc32.Checksum(append([]byte(path.Base(dir)), topicID[:]...), castagnoli)
	to := deletedName(dir, mark)
	err := fs.Rename(dir, to)
	for ; vfs.IsExist(err); err = fs.Rename(dir, to) { // what an earlier removal had to leave
		mark++
		to = deletedName(dir, mark)
	}
	if vfs.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := fs.SyncDir(path.Dir(dir)); err != nil {
		return err
	}
	return removeDirectory(fs, to)
}

func deletedName(dir string, mark uint32) string {
	return fmt.Sprintf("%s.%08x%s", dir, mark, suffixDeleted)
}

// RemoveDeleted removes what is left of deleted partitions under the directory that holds the partitions. It
// is called once, before any of them is opened.
func RemoveDeleted(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, suffixDeleted) {
			continue
		}
		if info, err := fs.Stat(path.Join(dir, name)); err != nil || !info.IsDir {
			continue
		}
		if err := removeDirectory(fs, path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// removeDirectory removes the files of ours and then the directory, if nothing else is in it.
func removeDirectory(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	foreign := false
	for _, name := range names {
		if !isOurs(name) {
			foreign = true
			continue
		}
		if err := fs.Remove(path.Join(dir, name)); err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	if foreign {
		return nil
	}
	return fs.Remove(dir)
}

func isOurs(name string) bool {
	if name == nameEpochs || name == nameMetadata || name == nameManifest || name == nameProgress ||
		isTemporary(name) {
		return true
	}
	_, _, ok := parseName(name)
	return ok
}
