package datadir

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	metaName    = "meta.properties"
	metaFormat  = "chronik"
	metaVersion = 1
	metaLimit   = 64 << 10 // bytes; anything larger is not ours
	metaComment = "# Identity of a Chronik data directory. Written by the node; do not edit.\n"
)

const (
	keyFormat      = "format"
	keyVersion     = "version"
	keyNodeID      = "node.id"
	keyDirectoryID = "directory.id"
	keyClusterID   = "cluster.id"
	keyFounders    = "founders"
	keyIncarnation = "incarnation"
)

// meta is the content of meta.properties.
type meta struct {
	nodeID      int32
	directoryID string
	clusterID   string            // empty until known
	founders    []Founder         // nil unless this node took part in founding a cluster
	incarnation uint32            // 0 until known
	others      map[string]string // keys of later versions with the same version number
}

// errForeign says that a file is not ours at all.
type errForeign struct{ format string }

func (e errForeign) Error() string { return fmt.Sprintf("format is %q, want %q", e.format, metaFormat) }

// errNewer says that a newer version wrote a file.
type errNewer struct{ version int }

func (e errNewer) Error() string {
	return fmt.Sprintf("version is %d, this program knows %d", e.version, metaVersion)
}

func (m meta) encode() []byte {
	var b strings.Builder
	b.WriteString(metaComment)
	line := func(key, value string) { b.WriteString(key + "=" + value + "\n") }
	line(keyFormat, metaFormat)
	line(keyVersion, strconv.Itoa(metaVersion))
	line(keyNodeID, strconv.Itoa(int(m.nodeID)))
	line(keyDirectoryID, m.directoryID)
	if m.clusterID != "" {
		line(keyClusterID, m.clusterID)
	}
	if len(m.founders) > 0 {
		line(keyFounders, formatFounders(m.founders))
	}
	if m.incarnation != 0 {
		line(keyIncarnation, strconv.FormatUint(uint64(m.incarnation), 10))
	}
	for _, key := range slices.Sorted(maps.Keys(m.others)) {
		line(key, m.others[key])
	}
	return []byte(b.String())
}

// parseMeta reads meta.properties. Format and version are judged before anything else is looked at.
func parseMeta(data []byte) (meta, error) {
	values, err := parseProperties(string(data))
	if err != nil {
		return meta{}, err
	}
	take := func(key string) string {
		value := values[key]
		delete(values, key)
		return value
	}
	if format := take(keyFormat); format != metaFormat {
		return meta{}, errForeign{format}
	}
	version, err := strconv.Atoi(take(keyVersion))
	if err != nil || version < 1 {
		return meta{}, fmt.Errorf("%s is not a positive number", keyVersion)
	}
	if version > metaVersion {
		return meta{}, errNewer{version}
	}
	nodeID, err := parseNodeID(take(keyNodeID))
	if err != nil {
		return meta{}, fmt.Errorf("%s is not a node id", keyNodeID)
	}
	m := meta{nodeID: nodeID, directoryID: take(keyDirectoryID), clusterID: take(keyClusterID), others: values}
	if m.directoryID == "" {
		return meta{}, fmt.Errorf("%s is missing", keyDirectoryID)
	}
	if m.founders, err = parseFounders(take(keyFounders)); err != nil {
		return meta{}, fmt.Errorf("%s: %w", keyFounders, err)
	}
	if incarnation := take(keyIncarnation); incarnation != "" {
		number, err := strconv.ParseUint(incarnation, 10, 32)
		if err != nil || number == 0 {
			return meta{}, fmt.Errorf("%s is not a positive number", keyIncarnation)
		}
		m.incarnation = uint32(number)
	}
	return m, nil
}

func parseNodeID(text string) (int32, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	if err == nil && id < 0 {
		err = strconv.ErrRange
	}
	return int32(id), err
}

// parseProperties reads lines of key=value; empty ones and those starting with # are left out.
func parseProperties(text string) (map[string]string, error) {
	values := map[string]string{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !found || key == "" {
			return nil, fmt.Errorf("line %d is not of the form key=value", number+1)
		}
		if _, twice := values[key]; twice {
			return nil, fmt.Errorf("line %d repeats %s", number+1, key)
		}
		values[key] = value
	}
	return values, nil
}
