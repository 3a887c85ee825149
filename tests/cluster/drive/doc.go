// Package drive makes a disk for a node: a file system of its own in a file, which can be full, slow, or not
// answer at all. Whoever works on it meets what the kernel does with such a disk, and nobody else does.
//
// It takes root (CAP_SYS_ADMIN), loop devices and mkfs.ext4. A disk that hangs holds its processes where no
// signal reaches them, so a second process waits beside the test, and lets the disk go on when the test ends
// without having done so, however it ends. Tests that use this package call Main before anything else.
//
// Tests below tests/ import this and nothing else does.
package drive
