// Package features lists the features of a cluster (KIP-584): what they are called, which levels this
// program serves, and at which level a new cluster begins.
//
// A level is a promise of the whole cluster. It is finalized by a command of the metadata log once every
// broker serves it, and told to clients in ApiVersions.
//
//	feature              level  means
//	metadata.version     7-30   Kafka's releases 3.3 to 4.3, by what their metadata can hold; here it has no
//	                            other meaning than to tell administrators what to expect of the APIs
//	transaction.version  1      transactional ids keep the producer id beside the epoch before (KIP-890)
//	                     2      each transaction has an epoch of its own (KIP-890, second part)
//	group.version        1      the broker assigns partitions to consumers (KIP-848)
//
// A feature of Kafka that is not served at any level is not in the list, and cannot be finalized. The package
// is pure and refuses to know what is finalized; that is in the image. Any package above storage may import
// it.
package features
