// Package records is the format of the topic __transaction_state, which is Kafka's own, so that tools that
// read the topic work.
//
//	key      | version int16 0 | transactional id |
//	value    | version int16 0 or 1 | producer id | producer epoch | timeout | state | partitions by topic |
//	         | last update | start |
//	         from version 1 on, tagged: 0 previous producer id, 1 next producer id, 2 generation of the client
//	value    null: the id is gone
//
// Version 1 is written once transaction.version is above 0. Keys of other versions are left alone. An id
// belongs to the partition that a consumer group of that name would have. The package is pure and refuses
// to know what the records are used for. Imported by the packages of actors/transactions and the request
// packages.
package records
