package conn_test

import (
	"io"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/storage/vfs"
)

// benchmarkRequests sends the same request again and again with so many in flight, over a loopback socket,
// and throws the replies away. The measured allocations are those of the server, but for one read buffer.
func benchmarkRequests(b *testing.B, s *server, r kmsg.Request, inFlight int) {
	c := s.dial()
	c.roundTrip(r)
	one := c.format.AppendRequest(nil, r, 7)
	tokens := make(chan struct{}, inFlight)
	reply := make([]byte, 64<<10)
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			tokens <- struct{}{}
			if _, err := c.Write(one); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	for range b.N {
		if err := skipFrame(c.Conn, reply); err != nil {
			b.Fatal(err)
		}
		<-tokens
	}
}

// skipFrame reads one frame without keeping it.
func skipFrame(c net.Conn, buf []byte) error {
	if _, err := io.ReadFull(c, buf[:4]); err != nil {
		return err
	}
	size := int(buf[0])<<24 | int(buf[1])<<16 | int(buf[2])<<8 | int(buf[3])
	for size > 0 {
		n, err := c.Read(buf[:min(size, len(buf))])
		if err != nil {
			return err
		}
		size -= n
	}
	return nil
}

func BenchmarkProduce(b *testing.B) {
	for _, one := range []struct {
		name     string
		size     int
		inFlight int
	}{{"1KB/in-flight=1", 1000, 1}, {"1KB/in-flight=5", 1000, 5}, {"1KB/in-flight=100", 1000, 100}, {"1MB/in-flight=5", 1000_000, 5}} {
		b.Run(one.name, func(b *testing.B) {
			s := serve(b, vfs.OS(), conn.Settings{})
			s.CreateTopic("orders", 1, nil)
			benchmarkRequests(b, s, produceOf(9, -1, "orders", 0, batchOf(string(make([]byte, one.size)))), one.inFlight)
		})
	}
}

func BenchmarkFetch(b *testing.B) {
	for _, one := range []struct {
		name string
		size int
	}{{"1KB", 1000}, {"30KB", 30_000}, {"1MB", 1_000_000}} {
		b.Run(one.name, func(b *testing.B) {
			s := serve(b, vfs.OS(), conn.Settings{})
			s.CreateTopic("orders", 1, nil)
			s.Append("orders", 0, string(make([]byte, one.size)))
			b.SetBytes(int64(one.size))
			benchmarkFetch(b, s, fetchOf(12, "orders", 0, 0), int64(one.size))
		})
	}
}

func benchmarkFetch(b *testing.B, s *server, r kmsg.Request, size int64) {
	benchmarkRequests(b, s, r, 2)
	b.SetBytes(size)
}

// BenchmarkFetchManyPartitions fetches from a hundred partitions, one of which has data.
func BenchmarkFetchManyPartitions(b *testing.B) {
	s := serve(b, vfs.OS(), conn.Settings{})
	s.CreateTopic("orders", 100, nil)
	s.Append("orders", 50, "v")
	r := fetchOf(12, "orders", 0, 0)
	for partition := int32(1); partition < 100; partition++ {
		also(r, 0, partition)
	}
	benchmarkRequests(b, s, r, 1)
}

func BenchmarkApiVersions(b *testing.B) {
	s := serve(b, vfs.NewMem(), conn.Settings{})
	r := kmsg.NewPtrApiVersionsRequest()
	r.Version = 2
	benchmarkRequests(b, s, r, 1)
}

// TestAllocationsPerRequest pins what a request costs. The bounds have room for the test's own share and for
// a runtime that changes, not for an allocation more per record or partition.
func TestAllocationsPerRequest(t *testing.T) {
	s := serve(t, vfs.OS(), conn.Settings{})
	s.CreateTopic("orders", 100, nil)
	for partition := range int32(100) {
		s.Append("orders", partition, "v")
	}
	c := s.dial()
	many := fetchOf(12, "orders", 0, 0)
	for partition := int32(1); partition < 100; partition++ {
		also(many, 1, partition)
	}
	for _, one := range []struct {
		name    string
		request kmsg.Request
		most    float64
	}{
		{"produce", produceOf(9, -1, "orders", 0, batchOf("v")), 70},
		{"fetch", fetchOf(12, "orders", 0, 0), 35},
		{"fetch of 100 partitions", many, 45},
	} {
		request := c.format.AppendRequest(nil, one.request, 7)
		reply := make([]byte, 64<<10)
		got := testing.AllocsPerRun(500, func() {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
			if err := skipFrame(c.Conn, reply); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %.0f allocations", one.name, got)
		if got > one.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", one.name, got, one.most)
		}
	}
}
