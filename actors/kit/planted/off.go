//go:build !simbugs

package planted

// The mistakes; see on.go.
const (
	StampEarly      = false
	ShortRange      = false
	ForgetProducers = false
	CutReply        = false
	MarkerOrder     = false
)
