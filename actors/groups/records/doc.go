// Package records is the format of the topic __consumer_offsets, which is Kafka's own, so that tools that
// read the topic work: what a key stands for, and keys and values of offsets and groups.
//
//	key      | version int16 0 or 1 | group | topic | partition |   value: an offset, versions 0 to 4
//	         | version int16 2      | group |                       value: a classic group and its members
//	         | version int16 3      | group |                       value: epoch of a consumer group
//	         | version int16 4      | group |                       value: the topics that it reads
//	         | version int16 5      | group | member |              value: what a member said of itself
//	         | version int16 6      | group |                       value: epoch of the target assignment
//	         | version int16 7      | group | member |              value: what a member is to have
//	         | version int16 8      | group | member |              value: what a member has
//	         | version int16 16     | group | expression |          value: topics that it matches
//	value    null: what the key stands for is gone
//
// Kinds 3 to 16 are those of KIP-848. Their values are flexible (KIP-482) and have version 0.
//
// Keys of other versions are left alone. The package is pure and refuses to know what the records are used
// for. Imported by the packages below actors/groups.
package records
