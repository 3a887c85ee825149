// Package wire is a network between network namespaces whose links can be slow, lossy or cut, each direction
// by itself. A host is a namespace with one TUN device; what a host sends comes out of the device as IP
// packets, and a switch in this process hands them to the host they are for, late or not at all as told. The
// kernel's own netem would do the same, but many kernels that tests run on are built without it.
//
// It takes root (CAP_SYS_ADMIN and CAP_NET_ADMIN) and /dev/net/tun, and nothing else: no command and no rule
// outside. Nothing is left when the process ends, however it does.
//
// Host 0 is for the test itself: Dial opens its connections. Tests below tests/ import this and nothing else
// does.
package wire
