package wire

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

// Names of the service and of its streams.
const (
	ServiceName   = "chronik.peer.v1.Peer"
	ControlMethod = "/" + ServiceName + "/Control"
	BulkMethod    = "/" + ServiceName + "/Bulk"
	CatchUpMethod = "/" + ServiceName + "/CatchUp"
)

// Window is how much of a stream may be on its way to a receiver that does not read. It holds what a fast
// network holds in flight, so that a stream runs at the speed of the network.
const Window = 16 << 20

// Streams as the one who dials needs to know them.
var (
	ControlStream = grpc.StreamDesc{StreamName: "Control", ServerStreams: true, ClientStreams: true}
	BulkStream    = grpc.StreamDesc{StreamName: "Bulk", ServerStreams: true, ClientStreams: true}
	CatchUpStream = grpc.StreamDesc{StreamName: "CatchUp", ServerStreams: true, ClientStreams: true}
)

// Server is what serves the streams. Each method runs on a goroutine of its own, and the stream ends when it
// returns.
type Server interface {
	Control(stream grpc.ServerStream) error
	Bulk(stream grpc.ServerStream) error
	CatchUp(stream grpc.ServerStream) error
}

// Service returns the description of the service for a server of gRPC.
func Service() *grpc.ServiceDesc {
	describe := func(d grpc.StreamDesc, serve func(Server, grpc.ServerStream) error) grpc.StreamDesc {
		d.Handler = func(server any, stream grpc.ServerStream) error { return serve(server.(Server), stream) }
		return d
	}
	return &grpc.ServiceDesc{
		ServiceName: ServiceName,
		HandlerType: (*Server)(nil),
		Streams: []grpc.StreamDesc{
			describe(ControlStream, Server.Control),
			describe(BulkStream, Server.Bulk),
			describe(CatchUpStream, Server.CatchUp),
		},
	}
}

// Codec makes messages of gRPC of frames.
type Codec struct{}

// Name implements encoding.CodecV2.
func (Codec) Name() string { return "chronik" }

// Marshal implements encoding.CodecV2. It takes a *Frame.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*Frame)
	if !ok {
		return nil, fmt.Errorf("cannot send %T, only frames", v)
	}
	return f.encode()
}

// Unmarshal implements encoding.CodecV2. It takes a *Frame.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*Frame)
	if !ok {
		return fmt.Errorf("cannot receive %T, only frames", v)
	}
	return f.decode(data)
}
