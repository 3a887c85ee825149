//go:build race

package powerloss

const raceEnabled = true
