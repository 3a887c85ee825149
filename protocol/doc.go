// Package protocol is the Kafka wire protocol as this broker speaks it: frames, headers, requests and
// responses, the one table of versions, and Kafka's error codes with the one mapping from Go errors to
// them. Wire types come from kmsg, which is generated from Kafka's own definitions; what kmsg leaves to its
// caller stands here, above all the distrust of what arrives.
//
// # Frames
//
//	request   | length int32 | header | body |
//	response  | length int32 | header | body |
//
// FrameSize judges a length before memory is taken, ParseRequest a whole frame before it is decoded. kmsg
// allocates arrays by their declared count, limited only by the bytes left, so three megabytes could
// claim 100 MB of structures, and it loops over as many tagged fields as a frame declares, up to four
// billion. Therefore a walk along the request's schema comes first; it allocates nothing.
//
// # What it refuses to be
//
// It knows no socket, no actor, no clock, no logger and no state. Record batches are package batch.
// Everything above may import it; it imports nothing of ours.
package protocol
