package partitionlog

import (
	"path"

	"github.com/chronik-go/chronik/storage/vfs"
)

// TopicIDOf returns the id of the topic that the log in a directory belongs to, as its partition.metadata
// says.
func TopicIDOf(fs vfs.FS, dir string) (topicID [16]byte, err error) {
	text, err := vfs.ReadFile(fs, path.Join(dir, nameMetadata), maxMetadataBytes)
	if err != nil {
		return topicID, err
	}
	return parseMetadata(text)
}

// Remove removes a log that nobody has open, as Delete does for one that is. A directory that does not
// exist is no error.
func Remove(fs vfs.FS, dir string, topicID [16]byte) error {
	l := &Log{files: &files{fs: fs, dir: dir}, config: Config{TopicID: topicID}}
	if err := l.Delete(); err != nil && !vfs.IsNotExist(err) {
		return err
	}
	return nil
}
