// Package runner puts one Kafka client through the run that every client gets: own topics over all codecs,
// then topics that others wrote. It prints a line for each topic made and for each failure, and the count.
package runner
