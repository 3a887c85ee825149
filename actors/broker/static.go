package broker

import (
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/chronik-go/chronik/actors/config"
	kafka "github.com/chronik-go/chronik/actors/metadata/image/config"
)

// staticConfigs translates the configuration into Kafka's broker configs, as DescribeConfigs shows them and
// as topics inherit them. Both sides write "no bound" as -1.
func staticConfigs(c config.Config) map[string]string {
	number := strconv.Itoa(int(c.NodeID))
	dir := c.DataDir
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	return map[string]string{
		kafka.BrokerID:                   number,
		kafka.NodeID:                     number,
		kafka.Listeners:                  "PLAINTEXT://" + c.Bind.Kafka,
		kafka.AdvertisedListeners:        "PLAINTEXT://" + c.Advertise.Kafka,
		kafka.LogDirs:                    dir,
		kafka.AutoCreateTopics:           strconv.FormatBool(c.Topics.AutoCreate),
		kafka.NumPartitions:              strconv.Itoa(int(c.Topics.Partitions)),
		kafka.DefaultReplicationFactor:   strconv.Itoa(int(c.ReplicationFactor)),
		kafka.MaxConnections:             strconv.Itoa(int(c.Limits.Connections)),
		kafka.ConnectionsMaxIdle:         millis(c.Limits.IdleTime),
		kafka.SocketRequestMaxBytes:      size(c.Limits.RequestBytes),
		kafka.QueuedMaxRequestBytes:      size(c.Limits.RequestMemory),
		kafka.FetchMaxBytes:              size(c.Limits.FetchBytes),
		kafka.FetchSessionSlots:          strconv.Itoa(int(c.Limits.FetchSessions)),
		kafka.RetentionCheckInterval:     millis(c.Log.RetentionCheckInterval),
		kafka.ProducerExpiration:         millis(c.Log.ProducerExpiration),
		kafka.CleanerBackoff:             millis(c.Log.CompactionCheckInterval),
		kafka.CleanerRate:                size(c.Log.CompactionRate),
		kafka.CleanerKeyBytes:            size(c.Log.CompactionMemory),
		kafka.ConsumerAssignors:          c.Groups.ConsumerAssignors,
		kafka.ConsumerHeartbeat:          millis(c.Groups.ConsumerHeartbeat),
		kafka.ConsumerMaxSize:            strconv.Itoa(int(c.Groups.ConsumerMaxSize)),
		kafka.ConsumerMigration:          c.Groups.ConsumerMigration,
		kafka.ConsumerSession:            millis(c.Groups.ConsumerSessionTime),
		kafka.ConsumerMinSession:         millis(c.Groups.ConsumerMinSession),
		kafka.ConsumerMaxSession:         millis(c.Groups.ConsumerMaxSession),
		kafka.ConsumerMinHeartbeat:       millis(c.Groups.ConsumerMinHeartbeat),
		kafka.ConsumerMaxHeartbeat:       millis(c.Groups.ConsumerMaxHeartbeat),
		kafka.GroupInitialDelay:          millis(c.Groups.InitialRebalanceDelay),
		kafka.GroupMaxSession:            millis(c.Groups.MaxSessionTime),
		kafka.GroupMaxSize:               strconv.Itoa(int(c.Groups.MaxSize)),
		kafka.GroupMinSession:            millis(c.Groups.MinSessionTime),
		kafka.OffsetMetadataMaxBytes:     size(c.Groups.OffsetMetadataBytes),
		kafka.OffsetsCheckInterval:       millis(c.Groups.RetentionCheckInterval),
		kafka.OffsetsPartitions:          strconv.Itoa(int(c.Groups.OffsetsPartitions)),
		kafka.OffsetsReplication:         strconv.Itoa(int(c.Groups.OffsetsReplication)),
		kafka.OffsetsRetention:           strconv.Itoa(int(c.Groups.OffsetsRetention.Minutes())),
		kafka.TransactionalIDExpiration:  millis(c.Transactions.IDExpiration),
		kafka.TransactionsAbortInterval:  millis(c.Transactions.AbortCheckInterval),
		kafka.TransactionsExpiryInterval: millis(c.Transactions.ExpiryCheckInterval),
		kafka.TransactionsMaxTimeout:     millis(c.Transactions.MaxTime),
		kafka.TransactionsPartitions:     strconv.Itoa(int(c.Transactions.StatePartitions)),
		kafka.TransactionsReplication:    strconv.Itoa(int(c.Transactions.StateReplication)),
		"min.insync.replicas":            strconv.Itoa(int(c.MinInsyncReplicas)),
		"log.segment.bytes":              size(min(c.Log.SegmentBytes, math.MaxInt32)),
		"log.roll.ms":                    millis(c.Log.SegmentTime),
		"log.retention.bytes":            size(c.Log.RetentionBytes),
		"log.retention.ms":               millis(c.Log.RetentionTime),
		"message.max.bytes":              size(c.Log.MaxMessageBytes),
		"log.index.interval.bytes":       size(c.Log.IndexIntervalBytes),
		"log.index.size.max.bytes":       size(c.Log.IndexBytes),
	}
}

func size(s config.Size) string { return strconv.FormatInt(int64(s), 10) }

func millis(d time.Duration) string {
	if d == config.Unlimited {
		return "-1"
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
