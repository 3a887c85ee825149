package kittest

import "github.com/rs/zerolog"

// NoLog is for actors whose log no test looks at.
var NoLog = func() *zerolog.Logger { nop := zerolog.Nop(); return &nop }()
