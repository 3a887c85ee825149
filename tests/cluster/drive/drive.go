package drive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Drive is a disk.
type Drive struct {
	dir   string
	image string
	hung  bool
	guard *exec.Cmd
	end   io.Closer // of what the guard reads: it thaws the disk then
}

// New makes a disk of so many bytes, in a file in a folder, and shows what is on it in another folder, which
// must exist. An error says what the machine lacks.
func New(folder, dir string, bytes int64) (*Drive, error) {
	d := &Drive{dir: dir, image: filepath.Join(folder, filepath.Base(dir)+".image")}
	if err := sparse(d.image, bytes); err != nil {
		return nil, err
	}
	// No journal: what is asked to be synced is synced all the same, and nothing is written twice.
	if err := run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", d.image); err != nil {
		return nil, err
	}
	if err := run("mount", "-o", "loop", d.image, dir); err != nil {
		return nil, err
	}
	if err := d.watch(); err != nil {
		return nil, errors.Join(err, syscall.Unmount(dir, syscall.MNT_DETACH))
	}
	return d, nil
}

func run(command string, arguments ...string) error {
	if out, err := exec.Command(command, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

func sparse(name string, bytes int64) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(bytes), file.Close())
}

// Close takes the disk away, which the guard does.
func (d *Drive) Close() error {
	return errors.Join(d.GoOn(), d.end.Close(), d.guard.Wait())
}

// Hang keeps the disk from answering whoever writes or syncs, until GoOn.
func (d *Drive) Hang() error {
	if d.hung {
		return nil
	}
	d.hung = true
	return control(d.dir, freeze)
}

// GoOn ends Hang.
func (d *Drive) GoOn() error {
	if !d.hung {
		return nil
	}
	d.hung = false
	return control(d.dir, thaw)
}

// The requests of linux/fs.h that freeze and thaw a file system.
const (
	freeze = 0xC0045877 // FIFREEZE
	thaw   = 0xC0045878 // FITHAW
)

// control freezes or thaws the file system that a folder is on.
func control(dir string, request uint) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // nothing was written
	if err := unix.IoctlSetInt(int(folder.Fd()), request, 0); err != nil {
		return fmt.Errorf("freeze or thaw %s: %w", dir, err)
	}
	return nil
}

// ballast is the file that takes the room of a full disk.
const ballast = "ballast"

// Fill leaves so many bytes on the disk, or fewer if there are fewer.
func (d *Drive) Fill(leave int64) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(d.dir, &stat); err != nil {
		return err
	}
	take := int64(stat.Bavail)*stat.Bsize - leave
	if take <= 0 {
		return nil
	}
	file, err := os.Create(filepath.Join(d.dir, ballast))
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(file.Fd()), 0, 0, take)
	if errors.Is(err, unix.ENOSPC) { // others were quicker, and it is full all the same
		err = nil
	}
	return errors.Join(err, file.Close())
}

// Free ends Fill.
func (d *Drive) Free() error {
	err := os.Remove(filepath.Join(d.dir, ballast))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// guardVariable is set in the process that guards a disk, to its folder.
const guardVariable = "CHRONIK_TEST_DRIVE"

// watch starts the guard: this program again, of which Main makes one.
func (d *Drive) watch() error {
	d.guard = exec.Command(os.Args[0])
	d.guard.Env = append(os.Environ(), guardVariable+"="+d.dir)
	d.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // no interrupt ends both
	input, err := d.guard.StdinPipe()
	if err != nil {
		return err
	}
	d.end, d.guard.Stderr = input, os.Stderr
	return d.guard.Start()
}

// Main is the guard if this process is to be one, and returns otherwise. It ends when the test does, which
// holds the other end of its standard input.
func Main() {
	dir := os.Getenv(guardVariable)
	if dir == "" {
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // whatever ends it
	if control(dir, thaw) == nil {       // it fails where nothing hangs
		fmt.Fprintln(os.Stderr, "drive: a disk hung when its test ended")
	}
	// What still looks at the folder, such as an indexer, must not keep the disk there.
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		fmt.Fprintf(os.Stderr, "drive: unmount %s: %v\n", dir, err)
		os.Exit(1)
	}
	os.Exit(0)
}
