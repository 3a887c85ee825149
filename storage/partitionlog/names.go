package partitionlog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/protocol"
)

// Suffixes of the files of a segment, and the other names in a partition's directory.
const (
	suffixLog      = ".log"
	suffixIndex    = ".index"
	suffixTime     = ".timeindex"
	suffixTxn      = ".txnindex"
	suffixSnapshot = ".snapshot"
	suffixTemp     = ".tmp"
	suffixCleaned  = ".cleaned" // follows one of the above: a segment that compaction is writing

	nameEpochs   = "leader-epoch-checkpoint"
	nameMetadata = "partition.metadata"
	nameManifest = "chronik-segments"
	nameProgress = "chronik-compaction"
)

// segmentSuffixes are the files that belong to one segment, the log first.
var segmentSuffixes = [...]string{suffixLog, suffixIndex, suffixTime, suffixTxn}

// cleanedSuffixes are the files that compaction writes, in the order in which they get their names.
var cleanedSuffixes = [...]string{suffixLog, suffixIndex, suffixTime, suffixTxn}

// offsetDigits is how many digits an offset has in a file name.
const offsetDigits = 20

// fileName returns the name of a file that is named by an offset.
func fileName(offset protocol.Offset, suffix string) string {
	return fmt.Sprintf("%0*d%s", offsetDigits, int64(offset), suffix)
}

// parseName takes a file name apart. It answers false for everything that is not named by an offset in
// exactly the form of fileName: such a file is not ours and stays.
func parseName(name string) (offset protocol.Offset, suffix string, ok bool) {
	if len(name) <= offsetDigits {
		return 0, "", false
	}
	digits, suffix := name[:offsetDigits], name[offsetDigits:]
	if strings.Trim(digits, "0123456789") != "" {
		return 0, "", false
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, "", false
	}
	switch suffix {
	case suffixLog, suffixIndex, suffixTime, suffixTxn, suffixSnapshot:
		return protocol.Offset(value), suffix, true
	}
	return 0, "", false
}

// isTemporary tells whether a name is that of a file that was being written when the process ended.
func isTemporary(name string) bool {
	if target, ok := strings.CutSuffix(name, suffixCleaned); ok {
		_, suffix, ok := parseName(target)
		return ok && slices.Contains(cleanedSuffixes[:], suffix)
	}
	target, ok := strings.CutSuffix(name, suffixTemp)
	if !ok {
		return false
	}
	if target == nameEpochs || target == nameMetadata || target == nameManifest || target == nameProgress {
		return true
	}
	_, suffix, ok := parseName(target)
	return ok && suffix == suffixSnapshot
}
