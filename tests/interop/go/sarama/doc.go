// Package sarama drives github.com/IBM/sarama, with its idempotent producer.
package sarama
