//go:build !race

package powerloss

const raceEnabled = false
