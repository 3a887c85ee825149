package config

import (
	"maps"
	"slices"
	"strconv"
)

// Names of the broker configs that the broker itself looks at, beside the defaults of topic configs.
const (
	AdvertisedListeners        = "advertised.listeners"
	AutoCreateTopics           = "auto.create.topics.enable"
	BrokerID                   = "broker.id"
	CleanerBackoff             = "log.cleaner.backoff.ms"
	CleanerKeyBytes            = "log.cleaner.dedupe.buffer.size"
	CleanerRate                = "log.cleaner.io.max.bytes.per.second"
	BrokerRack                 = "broker.rack"
	ConnectionsMaxIdle         = "connections.max.idle.ms"
	DefaultReplicationFactor   = "default.replication.factor"
	DeleteTopics               = "delete.topic.enable"
	FetchMaxBytes              = "fetch.max.bytes"
	FetchSessionSlots          = "max.incremental.fetch.session.cache.slots"
	ConsumerAssignors          = "group.consumer.assignors"
	ConsumerHeartbeat          = "group.consumer.heartbeat.interval.ms"
	ConsumerMaxHeartbeat       = "group.consumer.max.heartbeat.interval.ms"
	ConsumerMaxSession         = "group.consumer.max.session.timeout.ms"
	ConsumerMaxSize            = "group.consumer.max.size"
	ConsumerMinHeartbeat       = "group.consumer.min.heartbeat.interval.ms"
	ConsumerMinSession         = "group.consumer.min.session.timeout.ms"
	ConsumerMigration          = "group.consumer.migration.policy"
	ConsumerSession            = "group.consumer.session.timeout.ms"
	GroupInitialDelay          = "group.initial.rebalance.delay.ms"
	GroupMaxSession            = "group.max.session.timeout.ms"
	GroupMaxSize               = "group.max.size"
	GroupMinSession            = "group.min.session.timeout.ms"
	Listeners                  = "listeners"
	LogDirs                    = "log.dirs"
	MaxConnections             = "max.connections"
	NodeID                     = "node.id"
	NumPartitions              = "num.partitions"
	OffsetMetadataMaxBytes     = "offset.metadata.max.bytes"
	OffsetsCheckInterval       = "offsets.retention.check.interval.ms"
	OffsetsPartitions          = "offsets.topic.num.partitions"
	OffsetsReplication         = "offsets.topic.replication.factor"
	OffsetsRetention           = "offsets.retention.minutes"
	ProducerExpiration         = "producer.id.expiration.ms"
	QueuedMaxRequestBytes      = "queued.max.request.bytes"
	RequestPartitionLimit      = "max.request.partition.size.limit"
	RetentionCheckInterval     = "log.retention.check.interval.ms"
	SocketRequestMaxBytes      = "socket.request.max.bytes"
	TransactionalIDExpiration  = "transactional.id.expiration.ms"
	TransactionsAbortInterval  = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
	TransactionsExpiryInterval = "transaction.remove.expired.transaction.cleanup.interval.ms"
	TransactionsMaxTimeout     = "transaction.max.timeout.ms"
	TransactionsPartitions     = "transaction.state.log.num.partitions"
	TransactionsReplication    = "transaction.state.log.replication.factor"
)

// Broker holds the broker configs that exist here: those that give topic configs their defaults, and
// those of the broker itself.
var Broker = newTable(slices.Concat(topicDefaults(), []Definition{
	{
		Name: AdvertisedListeners, Type: String, NoDefault: true,
		Doc: "Addresses that clients are told.",
	},
	{
		Name: AutoCreateTopics, Type: Boolean, Default: "true", Dynamic: true,
		Doc: "Whether a topic is made when a client asks for its metadata and allows it.",
	},
	{
		Name: BrokerID, Type: Int, Default: "-1",
		Doc: "Id of this broker; the same as node.id.",
	},
	{
		Name: BrokerRack, Type: String, NoDefault: true,
		Doc: "Where the broker stands; replicas of a partition are spread over racks.",
	},
	{
		Name: CleanerBackoff, Type: Long, Default: "15000", accept: atLeast(0),
		Doc: "Time between two looks at what to compact.",
	},
	{
		Name: CleanerKeyBytes, Type: Long, Default: "134217728", accept: atLeast(1 << 20),
		Doc: "Memory for keys while a log is compacted; more keys take more passes.",
	},
	{
		Name: CleanerRate, Type: Double, Default: "1.7976931348623157E308",
		Doc: "Bytes per second that compaction reads and writes.",
	},
	{
		Name: ConnectionsMaxIdle, Type: Long, Default: "600000",
		Doc: "A connection that is silent for so long is closed.",
	},
	{
		Name: DefaultReplicationFactor, Type: Int, Default: "1", Dynamic: true, accept: between(1, 1<<15-1),
		Doc: "Replicas of a topic that is made without a number.",
	},
	{
		Name: DeleteTopics, Type: Boolean, Default: "true",
		Doc: "Whether topics can be deleted.",
	},
	{
		Name: FetchMaxBytes, Type: Int, Default: "57671680", accept: atLeast(1024),
		Doc: "Largest answer to a fetch, whatever the client asks for.",
	},
	{
		Name: FetchSessionSlots, Type: Int, Default: "1000", accept: atLeast(0),
		Doc: "Incremental fetch sessions that are kept; beyond it clients send full requests.",
	},
	{
		Name: ConsumerAssignors, Type: List, Default: "uniform,range",
		Doc: "Ways of assignment that members of the newer protocol may ask for; the first is the default.",
	},
	{
		Name: ConsumerHeartbeat, Type: Int, Default: "5000", accept: atLeast(1),
		Doc: "Members of the newer protocol are told to send heartbeats so often.",
	},
	{
		Name: ConsumerMaxHeartbeat, Type: Int, Default: "15000", accept: atLeast(1),
		Doc: "Longest consumer.heartbeat.interval.ms that a group may be given.",
	},
	{
		Name: ConsumerMaxSession, Type: Int, Default: "60000", accept: atLeast(1),
		Doc: "Longest consumer.session.timeout.ms that a group may be given.",
	},
	{
		Name: ConsumerMinHeartbeat, Type: Int, Default: "5000", accept: atLeast(1),
		Doc: "Shortest consumer.heartbeat.interval.ms that a group may be given.",
	},
	{
		Name: ConsumerMinSession, Type: Int, Default: "45000", accept: atLeast(1),
		Doc: "Shortest consumer.session.timeout.ms that a group may be given.",
	},
	{
		Name: ConsumerMaxSize, Type: Int, Default: "2147483647", accept: atLeast(1),
		Doc: "Members of one group of the newer protocol.",
	},
	{
		Name: ConsumerMigration, Type: String, Default: "bidirectional",
		Doc: "Which groups with members turn from one protocol to the other.",
	},
	{
		Name: ConsumerSession, Type: Int, Default: "45000", accept: atLeast(1),
		Doc: "A member of the newer protocol that is silent for so long is out.",
	},
	{
		Name: GroupInitialDelay, Type: Int, Default: "3000", accept: atLeast(0),
		Doc: "An empty group waits so long for more members.",
	},
	{
		Name: GroupMaxSession, Type: Int, Default: "1800000", accept: atLeast(1),
		Doc: "Longest session timeout that a member may ask for.",
	},
	{
		Name: GroupMaxSize, Type: Int, Default: "2147483647", accept: atLeast(1),
		Doc: "Members of one group.",
	},
	{
		Name: GroupMinSession, Type: Int, Default: "6000", accept: atLeast(1),
		Doc: "Shortest session timeout that a member may ask for.",
	},
	{
		Name: Listeners, Type: String, NoDefault: true,
		Doc: "Addresses that the broker listens on.",
	},
	{
		Name: LogDirs, Type: String, NoDefault: true,
		Doc: "Directory that everything is kept in.",
	},
	{
		Name: MaxConnections, Type: Int, Default: "2147483647", accept: atLeast(0),
		Doc: "Client connections that may be open at once.",
	},
	{
		Name: NodeID, Type: Int, NoDefault: true,
		Doc: "Id of this broker, which stays with its data directory.",
	},
	{
		Name: NumPartitions, Type: Int, Default: "1", Dynamic: true, accept: atLeast(1),
		Doc: "Partitions of a topic that is made without a number.",
	},
	{
		Name: OffsetMetadataMaxBytes, Type: Int, Default: "4096", accept: atLeast(0),
		Doc: "Longest text that a client may store with an offset.",
	},
	{
		Name: OffsetsCheckInterval, Type: Long, Default: "600000", accept: atLeast(1),
		Doc: "Time between two looks at offsets that expire.",
	},
	{
		Name: OffsetsPartitions, Type: Int, Default: "50", accept: atLeast(1),
		Doc: "Partitions of __consumer_offsets when it is made.",
	},
	{
		Name: OffsetsReplication, Type: Short, Default: "3", accept: atLeast(1),
		Doc: "Replicas of __consumer_offsets when it is made.",
	},
	{
		Name: OffsetsRetention, Type: Int, Default: "10080", accept: atLeast(1),
		Doc: "Offsets are removed so long after their group was left.",
	},
	{
		Name: ProducerExpiration, Type: Int, Default: "86400000", accept: atLeast(1),
		Doc: "How long a partition remembers a producer that is silent, by the timestamps of its records.",
	},
	{
		Name: QueuedMaxRequestBytes, Type: Long, Default: "-1",
		Doc: "Memory for requests that are not answered yet; the broker stops reading at it. -1 for no bound.",
	},
	{
		Name: RequestPartitionLimit, Type: Int, Default: "2000", accept: atLeast(1),
		Doc: "Partitions in one answer to DescribeTopicPartitions; the client asks again for the rest.",
	},
	{
		Name: RetentionCheckInterval, Type: Long, Default: "300000", accept: atLeast(1),
		Doc: "Time between two looks at what retention may remove.",
	},
	{
		Name: SocketRequestMaxBytes, Type: Int, Default: "104857600", accept: atLeast(1),
		Doc: "Largest request; a larger one closes its connection.",
	},
	{
		Name: TransactionsAbortInterval, Type: Int, Default: "10000", accept: atLeast(1),
		Doc: "Time between two looks at transactions that have taken too long.",
	},
	{
		Name: TransactionsExpiryInterval, Type: Int, Default: "3600000", accept: atLeast(1),
		Doc: "Time between two looks at transactional ids that expire.",
	},
	{
		Name: TransactionsMaxTimeout, Type: Int, Default: "900000", accept: atLeast(1),
		Doc: "Longest transaction timeout that a producer may ask for.",
	},
	{
		Name: TransactionsPartitions, Type: Int, Default: "50", accept: atLeast(1),
		Doc: "Partitions of __transaction_state when it is made.",
	},
	{
		Name: TransactionsReplication, Type: Short, Default: "3", accept: atLeast(1),
		Doc: "Replicas of __transaction_state when it is made.",
	},
	{
		Name: TransactionalIDExpiration, Type: Int, Default: "604800000", accept: atLeast(1),
		Doc: "A transactional id that is not used for so long is forgotten.",
	},
}))

// topicDefaults derives the broker configs behind the topic configs. The first name is the one that can
// be altered while the broker runs. Of several names the last carries the built-in default, in its own
// unit, and the others are unset, as in Kafka.
func topicDefaults() []Definition {
	var definitions []Definition
	for _, topic := range Topic.All() {
		last := len(topic.Synonyms) - 1
		for i, synonym := range topic.Synonyms {
			definition := Definition{
				Name:      synonym.Name,
				Type:      topic.Type,
				NoDefault: i != last,
				Effect:    topic.Effect,
				Dynamic:   i == 0 && topic.Effect != Fixed,
				Doc:       "Default of the topic config " + topic.Name + ". " + topic.Doc,
				Synonyms:  others(topic.Synonyms, synonym),
			}
			if i == last {
				definition.Default = inUnit(topic.Default, synonym.Factor)
			}
			if synonym.Factor == 0 {
				definition.accept, definition.acceptList = topic.accept, topic.acceptList
			} else {
				definition.Type = Int
			}
			definitions = append(definitions, definition)
		}
	}
	return definitions
}

// others returns the synonyms of a topic config in the order of preference, the given one first.
func others(synonyms []Synonym, first Synonym) []Synonym {
	list := []Synonym{first}
	for _, synonym := range synonyms {
		if synonym != first {
			list = append(list, synonym)
		}
	}
	return list
}

// inUnit turns a value in a topic config's unit into that of a synonym.
func inUnit(value string, factor int64) string {
	if factor == 0 {
		return value
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		panic("BUG: got default " + value + ", want a number")
	}
	return strconv.FormatInt(number/factor, 10)
}

// fromUnit turns a value in a synonym's unit into the topic config's. A negative value means "no bound"
// in every unit.
func fromUnit(value string, factor int64) string {
	if factor == 0 {
		return value
	}
	number, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return value
	case number < 0:
		return "-1"
	}
	return strconv.FormatInt(number*factor, 10)
}

// CheckStatic returns what is wrong with the configs of a broker's file, by name in order, or nil.
func CheckStatic(static map[string]string) []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(static)) {
		definition := Broker.Lookup(name)
		if definition == nil {
			problems = append(problems, "Unknown broker config name: "+name)
		} else if reason := definition.Check(static[name]); reason != "" {
			problems = append(problems, reason)
		}
	}
	return problems
}
