package drive

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

func mounted(t *testing.T) (d *Drive, dir string) {
	t.Helper()
	dir = t.TempDir()
	d, err := New(t.TempDir(), dir, 32<<20)
	if err != nil {
		t.Skipf("no disk of its own: %v (it takes root, loop devices and mkfs.ext4)", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

func write(name string, bytes int) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, bytes))
	return errors.Join(err, file.Sync(), file.Close())
}

func TestAFullDiskTakesNothingUntilThereIsRoom(t *testing.T) {
	d, dir := mounted(t)
	name := filepath.Join(dir, "file")
	if err := d.Fill(0); err != nil {
		t.Fatal(err)
	}
	if err := write(name, 1<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v on a full disk, want ENOSPC", err)
	}
	for range 2 { // twice does no harm
		if err := d.Free(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Fill(8 << 20); err != nil {
		t.Fatal(err)
	}
	if err := write(name, 1<<20); err != nil {
		t.Errorf("got %v with 8 MiB left", err)
	}
}

func TestADiskThatHangsAnswersWhenItGoesOn(t *testing.T) {
	d, dir := mounted(t)
	if err := d.Hang(); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- write(filepath.Join(dir, "file"), 1) }()
	select {
	case err := <-written:
		t.Errorf("a disk that hangs answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := d.GoOn(); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
