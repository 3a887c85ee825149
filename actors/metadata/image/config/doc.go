// Package config is what this broker knows about Kafka's configs: every topic config of Kafka 4.3, the
// group configs for consumers and the broker configs that exist here, each with type, default, rule,
// documentation, and the truth about what it does here.
//
//	active   changes what the broker does
//	inert    accepted, stored and described, since tools replay the configs of other clusters, but without
//	         effect; its documentation says so and why
//	fixed    has one possible value here; another one is refused, and it is described as read-only
//
// A topic config is looked up in layers, the first that has it wins:
//
//	the topic's own value              TOPIC_CONFIG
//	dynamic configs of this broker     DYNAMIC_BROKER_CONFIG           under the broker's name for it
//	dynamic configs of all brokers     DYNAMIC_DEFAULT_BROKER_CONFIG
//	configuration file of this broker  STATIC_BROKER_CONFIG            under any name (ms, minutes, hours)
//	built in                           DEFAULT_CONFIG
//
// A group config is looked up in the same way, with the group's own value (GROUP_CONFIG) in the place of
// the topic's.
//
// The package is pure: it knows no actor and keeps no state. Imported by actors/metadata, actors/partition,
// the request packages and actors/broker.
package config
