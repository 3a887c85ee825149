package disk

import (
	"fmt"
	"syscall"
	"testing"
)

// mountSmall mounts a file system of so many bytes, or skips the test. It is gone after the test.
func mountSmall(t *testing.T, dir string, bytes int64) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("mount a small file system: %v (it takes root)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}
