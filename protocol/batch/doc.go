// Package batch reads, checks and builds Kafka's record batches of format v2, the unit that producers send,
// logs store and consumers receive. A batch stays the bytes it came as: views read single fields, offsets
// and leader epoch are written in place, and only who asks for the records pays for their decompression.
//
//	 0  base offset           int64    stamped by the leader
//	 8  length                int32    of what follows
//	12  leader epoch          int32    stamped by the leader
//	16  magic                 int8     2
//	17  CRC-32C               uint32   of everything from 21 to the end
//	21  attributes            int16    bits 0-2 codec, 3 log append time, 4 transactional,
//	                                  5 control, 6 delete horizon
//	23  last offset delta     int32
//	27  base timestamp        int64    milliseconds
//	35  max timestamp         int64
//	43  producer id           int64    -1: none
//	51  producer epoch        int16
//	53  base sequence         int32
//	57  record count          int32
//	61  records               compressed as one block if the codec says so
//
// A record is
//
//	length varint | attributes int8 | timestamp delta varlong | offset delta varint |
//	key length varint, -1 null | key | value length varint, -1 null | value |
//	header count varint | { key length varint | key | value length varint, -1 null | value } ... |
//
// # What it refuses to be
//
// It knows no partition state: whether a sequence number follows the one before is for the partition to
// say. It reads no older formats; Kafka 4 does not either. It imports protocol and codecs, and everything
// above may import it.
package batch
