// Package image is the cluster as one immutable value: topics with durable ids, their partitions and the
// Raft groups and replicas behind them, dynamic configs, registered brokers, feature levels and the next
// free producer id.
//
// An image never changes. Apply derives the next one from a command of the metadata log, sharing all
// that stays the same: topics live in persistent trees, so that a cluster of ten thousand topics is not
// copied for every new one. Small things, brokers and configs, are plain maps that are copied when they
// change.
//
// Apply is pure and total. The same commands give the same image on every broker, and a command that
// does not fit (a topic that is there already) leaves the image as it is, on every broker alike. Checks
// that need more than the image, such as whether a config has a sensible value, are made before a command
// is proposed, in actors/metadata/controller.
//
// What the image does not know: who leads a partition and which replicas are in sync. That changes
// without a command; it is measured by the partition's Raft group and found in actors/partition.
//
// Any package above storage may import it.
package image
