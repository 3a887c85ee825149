//go:build !race

package wal_test

const defaultSeeds = 1000
