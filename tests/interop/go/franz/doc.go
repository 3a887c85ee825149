// Package franz drives github.com/twmb/franz-go, with its idempotent producer.
package franz
