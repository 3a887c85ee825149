// Package records is the format of the topic __consumer_offsets, which is Kafka's own, so that tools that
// read the topic work: what a key stands for, and keys and values of offsets and groups.
//
//	key      | version int16 0 or 1 | group | topic | partition |   value: an offset, versions 0 to 4
//	         | version int16 2      | group |                       value: a group and its members
//	value    null: what the key stands for is gone
//
// Keys of other versions are left alone. The package is pure and refuses to know what the records are used
// for. Imported by the packages below actors/groups.
package records
