// Package kafkago drives github.com/segmentio/kafka-go, which speaks old request versions.
package kafkago
