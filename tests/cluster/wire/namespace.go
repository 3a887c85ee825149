package wire

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// packetBytes is the MTU of every device: that of an Ethernet, so that loss takes what it takes there.
const packetBytes = 1500

// host is a namespace with the device that leads out of it.
type host struct {
	namespace *os.File
	device    *os.File
	address   string
}

// newHost makes a namespace. Its loopback is up, and everything else leaves through its device.
func newHost(own *os.File, number byte) (*host, error) {
	h := &host{address: fmt.Sprintf("10.99.0.%d", number+1)}
	err := onThread(own, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		var err error
		if h.namespace, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if h.device, err = openDevice(); err != nil {
			return err
		}
		return configure([4]byte{10, 99, 0, number + 1})
	})
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// within runs f in the namespace. What f opens or starts stays there.
func (h *host) within(own *os.File, f func() error) error {
	return onThread(own, func() error {
		if err := unix.Setns(int(h.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return f()
	})
}

func (h *host) close() {
	for _, file := range []*os.File{h.device, h.namespace} {
		if file != nil {
			_ = file.Close() // nothing was written that could be lost
		}
	}
}

// onThread runs f on a thread that nothing else uses meanwhile, and brings the thread back to the namespace
// of this process. A thread that cannot be brought back ends with its goroutine.
func onThread(own *os.File, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := f()
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

const deviceName = "wire0"

// openDevice makes a TUN device in the namespace of the thread. The kernel removes it when it is closed.
func openDevice() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(deviceName)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		_ = unix.Close(fd) // of no use
		return nil, fmt.Errorf("make a TUN device: %w", err)
	}
	// Only now: the poller of the runtime takes no device that has no interface yet.
	return os.NewFile(uintptr(fd), deviceName), nil
}

// configure brings up loopback and the device, in the namespace of the thread.
func configure(address [4]byte) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }() // it carried nothing
	set := func(device string, command uint, fill func(*unix.Ifreq) error) error {
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		if err := fill(request); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(socket, command, request); err != nil {
			return fmt.Errorf("set up %s: %w", device, err)
		}
		return nil
	}
	up := func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }
	mask := []byte{255, 255, 255, 0}
	steps := []struct {
		device  string
		command uint
		fill    func(*unix.Ifreq) error
	}{
		{"lo", unix.SIOCSIFFLAGS, up},
		{deviceName, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(address[:]) }},
		{deviceName, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(mask) }},
		{deviceName, unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(packetBytes); return nil }},
		{deviceName, unix.SIOCSIFFLAGS, up},
	}
	for _, step := range steps {
		if err := set(step.device, step.command, step.fill); err != nil {
			return err
		}
	}
	return nil
}
