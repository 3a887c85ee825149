package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
)

// onBoth runs a test on the real file system and on the one in memory: they must not differ.
func onBoth(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		fsys := vfs.NewMem()
		must(t, fsys.MkdirAll("/tmp/test"))
		test(t, fsys, "/tmp/test")
	})
	t.Run("faulty", func(t *testing.T) {
		fsys := vfs.NewFaulty(vfs.NewMem(), func(vfs.Op) error { return nil })
		must(t, fsys.MkdirAll("/tmp/test"))
		test(t, fsys, "/tmp/test")
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, fsys vfs.FS, name, content string) vfs.File {
	t.Helper()
	file, err := fsys.Create(name)
	must(t, err)
	_, err = file.WriteAt([]byte(content), 0)
	must(t, err)
	return file
}

func content(t testing.TB, file vfs.File) string {
	t.Helper()
	size, err := file.Size()
	must(t, err)
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadAndWriteAtPositions(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		file := create(t, fsys, dir+"/a", "hello")
		_, err := file.WriteAt([]byte("far"), 9000)
		must(t, err)
		if got := content(t, file); got != "hello"+string(make([]byte, 8995))+"far" {
			t.Errorf("got %d bytes, want hello, zeros, far", len(got))
		}
		b := make([]byte, 10)
		if n, err := file.ReadAt(b, 8999); n != 4 || err != io.EOF {
			t.Errorf("read over the end: got %d, %v; want 4 and EOF", n, err)
		}
		if n, err := file.ReadAt(b, 20000); n != 0 || err != io.EOF {
			t.Errorf("read behind the end: got %d, %v; want EOF", n, err)
		}
		must(t, file.Truncate(3))
		must(t, file.Truncate(6))
		if got := content(t, file); got != "hel\x00\x00\x00" {
			t.Errorf("got %q after making it shorter and longer", got)
		}
		must(t, file.Sync())
		file.WriteBack(0, 6)
		file.Evict()
		must(t, file.Close())
		if _, err := file.ReadAt(b, 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("read after close: got %v", err)
		}
		read, err := fsys.Open(dir + "/a")
		must(t, err)
		defer read.Close()
		if _, err := read.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file that was opened for reading was written")
		}
	})
}

func TestVectoredWriteOfMoreBuffersThanTheKernelTakes(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		file := create(t, fsys, dir+"/a", "0123456789")
		defer file.Close()
		var buffers [][]byte
		var want []byte
		for i := range 2500 {
			buffer := bytes.Repeat([]byte{byte(i)}, i%7) // some are empty
			buffers = append(buffers, buffer)
			want = append(want, buffer...)
		}
		n, err := file.WritevAt(buffers, 5)
		must(t, err)
		if n != len(want) || content(t, file) != "01234"+string(want) {
			t.Errorf("got %d bytes, want %d", n, len(want))
		}
		if n, err := file.WritevAt(nil, 0); n != 0 || err != nil {
			t.Errorf("write of nothing: %d, %v", n, err)
		}
		if n, err := file.WritevAt([][]byte{{}, {}}, 0); n != 0 || err != nil {
			t.Errorf("write of empty buffers: %d, %v", n, err)
		}
	})
}

func TestPreallocatedBytesAreZero(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		file := create(t, fsys, dir+"/a", "data")
		defer file.Close()
		must(t, file.Preallocate(10000))
		must(t, file.Preallocate(100)) // never makes it shorter
		if got := content(t, file); got != "data"+string(make([]byte, 9996)) {
			t.Errorf("got %d bytes", len(got))
		}
	})
}

func TestNames(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		at := func(name string) string { return path.Join(dir, name) }
		must(t, fsys.MkdirAll(at("sub/deep")))
		must(t, fsys.MkdirAll(at("sub/deep")))
		open := create(t, fsys, at("b"), "b")
		must(t, create(t, fsys, at("a"), "a").Close())
		must(t, create(t, fsys, at("sub/c"), "c").Close())
		list := func(want ...string) {
			t.Helper()
			names, err := fsys.List(dir)
			must(t, err)
			if !slices.Equal(names, want) {
				t.Errorf("got %v, want %v", names, want)
			}
		}
		list("a", "b", "sub")
		must(t, fsys.Rename(at("a"), at("b"))) // replaces
		list("b", "sub")
		if got := content(t, open); got != "b" {
			t.Errorf("got %q through the handle of the replaced file, want b", got)
		}
		must(t, open.Close())
		must(t, fsys.Rename(at("sub/c"), at("c")))
		must(t, fsys.Rename(at("sub"), at("other")))
		list("b", "c", "other")
		if err := fsys.Remove(at("other")); err == nil {
			t.Error("a directory that is not empty was removed")
		}
		must(t, fsys.Remove(at("other/deep")))
		must(t, fsys.Remove(at("other")))
		must(t, fsys.SyncDir(dir))
		list("b", "c")
		info, err := fsys.Stat(at("b"))
		if err != nil || info.Size != 1 || info.IsDir || info.ModTime.IsZero() {
			t.Errorf("got %+v, %v", info, err)
		}
		if info, err := fsys.Stat(dir); err != nil || !info.IsDir {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

func TestMissingNamesAreReportedAsSuch(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		missing := dir + "/missing"
		calls := map[string]func() error{
			"open":    func() error { f, err := fsys.Open(missing); return nothing(t, f, err) },
			"rw":      func() error { f, err := fsys.OpenReadWrite(missing); return nothing(t, f, err) },
			"create":  func() error { f, err := fsys.Create(missing + "/a"); return nothing(t, f, err) },
			"lock":    func() error { f, err := fsys.Lock(missing + "/a"); return nothing(t, f, err) },
			"remove":  func() error { return fsys.Remove(missing) },
			"rename":  func() error { return fsys.Rename(missing, dir+"/b") },
			"list":    func() error { _, err := fsys.List(missing); return err },
			"stat":    func() error { _, err := fsys.Stat(missing); return err },
			"syncdir": func() error { return fsys.SyncDir(missing) },
		}
		for name, call := range calls {
			if err := call(); !vfs.IsNotExist(err) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

// nothing checks that no File comes with an error.
func nothing(t *testing.T, file vfs.File, err error) error {
	if file != nil {
		t.Errorf("got a file together with %v", err)
	}
	return err
}

func TestLockEndsWithClose(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		lock, err := fsys.Lock(dir + "/lock")
		must(t, err)
		_, err = lock.WriteAt([]byte("42"), 0)
		must(t, err)
		if _, err := fsys.Lock(dir + "/lock"); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("second lock: got %v, want ErrLocked", err)
		}
		must(t, lock.Close())
		lock, err = fsys.Lock(dir + "/lock")
		must(t, err)
		if got := content(t, lock); got != "42" {
			t.Errorf("got %q, want that the content stays", got)
		}
		must(t, lock.Close())
	})
}

func TestFreeTellsPlausibleFigures(t *testing.T) {
	onBoth(t, func(t *testing.T, fsys vfs.FS, dir string) {
		room, err := fsys.Free(dir)
		if err != nil || room.Free <= 0 || room.Total < room.Free {
			t.Errorf("got %+v, %v", room, err)
		}
	})
}

func TestOnlyRealFilesHaveDescriptors(t *testing.T) {
	file := create(t, vfs.OS(), t.TempDir()+"/a", "x")
	defer file.Close()
	if _, ok := file.Fd(); !ok {
		t.Error("a real file has no descriptor")
	}
	if _, ok := create(t, vfs.NewMem(), "/a", "x").Fd(); ok {
		t.Error("a file in memory has a descriptor")
	}
}

func TestMemCapacity(t *testing.T) {
	fsys := vfs.NewMem()
	fsys.SetCapacity(10000)
	file := create(t, fsys, "/a", "12345")
	if err := file.Preallocate(10001); !vfs.IsNoSpace(err) {
		t.Errorf("got %v, want no space", err)
	}
	must(t, file.Preallocate(9000))
	other := create(t, fsys, "/b", "")
	if n, err := other.WriteAt(make([]byte, 2000), 0); n != 1000 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %d, %v; want 1000 bytes and no space", n, err)
	}
	if room, _ := fsys.Free("/"); room.Free != 0 || room.Total != 10000 {
		t.Errorf("got %+v", room)
	}
	must(t, fsys.Remove("/a"))
	if room, _ := fsys.Free("/"); room.Free != 9000 {
		t.Errorf("got %+v after a removal", room)
	}
	must(t, other.Truncate(10))
	if room, _ := fsys.Free("/"); room.Free != 9990 {
		t.Errorf("got %+v after making a file shorter", room)
	}
}
