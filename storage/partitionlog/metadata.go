package partitionlog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/chronik-go/chronik/storage/vfs"
)

// topicIDEncoding is how Kafka writes a UUID: 22 letters of URL-safe base64.
var topicIDEncoding = base64.RawURLEncoding.Strict()

var errMetadataFile = errors.New("no partition.metadata of version 0")

// formatMetadata returns the content of Kafka's partition.metadata file, version 0.
func formatMetadata(topicID [16]byte) []byte {
	return []byte("version: 0\ntopic_id: " + topicIDEncoding.EncodeToString(topicID[:]) + "\n")
}

// parseMetadata reads what formatMetadata or Kafka writes.
func parseMetadata(text []byte) (topicID [16]byte, err error) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 2 || lines[0] != "version: 0" {
		return topicID, errMetadataFile
	}
	encoded, ok := strings.CutPrefix(lines[1], "topic_id: ")
	if !ok || len(encoded) != topicIDEncoding.EncodedLen(len(topicID)) {
		return topicID, errMetadataFile
	}
	decoded, err := topicIDEncoding.DecodeString(encoded)
	if err != nil || len(decoded) != len(topicID) {
		return topicID, errMetadataFile
	}
	copy(topicID[:], decoded)
	return topicID, nil
}

// maxMetadataBytes bounds what is read of a partition.metadata.
const maxMetadataBytes = 4096

// claim makes the directory and its partition.metadata, or checks that they belong to the topic. The file is
// not synced before the first checkpoint: until then one that a crash has torn or lost is written again. From
// then on it must not get lost, or a later topic of the same name would take the directory for its own.
func (f *files) claim(topicID [16]byte) error {
	text, err := vfs.ReadFile(f.fs, f.path(nameMetadata), maxMetadataBytes)
	if err == nil {
		if found, parseErr := parseMetadata(text); parseErr == nil {
			if found == topicID {
				return nil
			}
			return fmt.Errorf("directory %s belongs to another topic: its id is %s, want %s; move it away to go on",
				f.dir, topicIDEncoding.EncodeToString(found[:]), topicIDEncoding.EncodeToString(topicID[:]))
		}
	} else if !vfs.IsNotExist(err) {
		return err
	}
	if err := f.fs.MkdirAll(f.dir); err != nil {
		return err
	}
	return f.replace(nameMetadata, formatMetadata(topicID), false)
}

// syncMetadata makes the content of partition.metadata durable, whoever wrote it.
func (f *files) syncMetadata() error {
	file, err := f.fs.OpenReadWrite(f.path(nameMetadata))
	if err != nil {
		return err
	}
	err = file.Sync()
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// replace writes a whole file so that a reader, or a crash of the process, finds the old one or the new one.
// With sync set the content is durable when it returns; the name is after the next syncNames.
func (f *files) replace(name string, data []byte, sync bool) error {
	temporary, err := f.stage(name, data, sync)
	if err != nil {
		return err
	}
	if err := f.fs.Rename(temporary, f.path(name)); err != nil {
		return err
	}
	f.named.Add(1)
	return nil
}

// stage writes a file that a rename is to give its name, and returns the name that it has till then.
func (f *files) stage(name string, data []byte, sync bool) (temporary string, err error) {
	temporary = f.path(name + suffixTemp)
	file, err := f.fs.Create(temporary)
	if err != nil {
		return "", err
	}
	_, err = file.WriteAt(data, 0)
	if err == nil && sync {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", fmt.Errorf("write %s: %w", temporary, err)
	}
	return temporary, nil
}
