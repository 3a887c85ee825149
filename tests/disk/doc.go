// Package disk runs the real server on a disk that is full, and on data directories that are not its own.
//
// The full disk is a small file system that the test mounts for itself; where it may not, it says so and
// skips. Producers are refused early and clearly, everything else goes on, a killed server comes back,
// and room that is made opens producing again by itself.
//
// The package has only tests and is imported by nobody.
package disk
