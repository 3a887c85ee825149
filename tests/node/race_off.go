//go:build !race

package node

// Race tells that the tests run under the race detector. So does the server that Main builds for them then.
const Race = false
