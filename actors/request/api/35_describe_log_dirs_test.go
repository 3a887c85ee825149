package api

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

func logDirsRequest(version int16, topics map[string][]int32) *kmsg.DescribeLogDirsRequest {
	r := kmsg.NewPtrDescribeLogDirsRequest()
	r.Version = version
	for name, partitions := range topics {
		topic := kmsg.NewDescribeLogDirsRequestTopic()
		topic.Topic, topic.Partitions = name, partitions
		r.Topics = append(r.Topics, topic)
	}
	return r
}

// described returns the topics and partitions of an answer as text.
func (h *host) described(r *kmsg.DescribeLogDirsRequest) string {
	h.Helper()
	response := ask[*kmsg.DescribeLogDirsResponse](h, r)
	if len(response.Dirs) != 1 || response.Dirs[0].Dir != "/data" || response.ErrorCode != 0 {
		h.Fatalf("got %+v", response)
	}
	var text string
	for _, topic := range response.Dirs[0].Topics {
		text += topic.Topic
		for _, p := range topic.Partitions {
			text += fmt.Sprintf(" %d", p.Partition)
			if p.OffsetLag != 0 || p.IsFuture {
				h.Errorf("got %+v", p)
			}
		}
		text += "\n"
	}
	return text
}

func TestDescribeLogDirs(t *testing.T) {
	h := orders(t)
	h.topic("accounts", 3, nil)
	for version := int16(1); version <= 5; version++ {
		for _, c := range []struct {
			name   string
			topics map[string][]int32
			want   string
		}{
			{"everything", nil, "accounts 0 1 2\norders 0 1\n"},
			{"one partition", map[string][]int32{"orders": {1}}, "orders 1\n"},
			{"named twice", map[string][]int32{"orders": {1, 0, 1}}, "orders 0 1\n"},
			{"not here", map[string][]int32{"orders": {1, 7, -1}, "nobody": {0}}, "orders 1\n"},
			{"a topic without partitions", map[string][]int32{"orders": nil}, ""},
		} {
			if got := h.described(logDirsRequest(version, c.topics)); got != c.want {
				t.Errorf("version %d, %s: got %q, want %q", version, c.name, got, c.want)
			}
		}
	}
}

func TestDescribeLogDirsTellsSizes(t *testing.T) {
	h := orders(t)
	dir := ask[*kmsg.DescribeLogDirsResponse](h, logDirsRequest(5, nil)).Dirs[0]
	wantCode(t, "directory", dir.ErrorCode, protocol.None)
	if dir.TotalBytes != 1000 || dir.UsableBytes != 300 || dir.IsCordoned {
		t.Errorf("got %+v", dir)
	}
	view := h.env.Replicas.Lookup("orders", 0).View()
	if got := dir.Topics[0].Partitions; got[0].Size != view.Size() || got[0].Size == 0 || got[1].Size != 0 {
		t.Errorf("got %+v, want %d and nothing", got, view.Size())
	}
}

func TestDescribeLogDirsWithoutADisk(t *testing.T) {
	h := orders(t)
	h.disk.err = errDisk
	dir := ask[*kmsg.DescribeLogDirsResponse](h, logDirsRequest(4, nil)).Dirs[0]
	wantCode(t, "directory", dir.ErrorCode, protocol.KafkaStorageError)
	if len(dir.Topics) != 0 || dir.Dir != "/data" || dir.TotalBytes != -1 {
		t.Errorf("got %+v", dir)
	}
}
