// Package metadatapb is the durable form of the cluster metadata: the commands of the metadata log and
// the snapshot of the image, as protobuf behind a version byte; and what brokers ask each other about it.
//
//	entry of the metadata log   | version 1 | protobuf Command ... |
//
//	snapshot file               | "CHRKMETA" | version u32 | length u64 | crc32c u32 | protobuf Snapshot ... |
//	                              8 bytes      big endian    of what follows the header, which has 24 bytes
//
//	to another broker           | version 1 | protobuf Question, Outcome or Standing ... |
//
// An unknown version, kind of command or field is an error for whoever decodes it. A replica that
// skipped what it does not understand would part from the others without anybody noticing.
//
// It refuses to know what a command means; that is actors/metadata/image. Imported by actors/metadata
// and the packages below it.
package metadatapb

//go:generate sh -c "protoc --plugin=$(go tool -n protoc-gen-go) --go_out=paths=source_relative:. *.proto"
