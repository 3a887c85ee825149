//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/chronik-go/chronik/tests/bench"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("want serve or sync")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	dir := flags.String("dir", ".", "folder for files")
	bind := flags.String("bind", "127.0.0.1:0", "address to serve on")
	slower := flags.Duration("sync", 0, "how much longer a sync takes than the disk does")
	size := flags.Int("bytes", 4096, "bytes of a write")
	duration := flags.Duration("for", time.Second, "how long")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "serve":
		return serve(*dir, *bind, *slower)
	case "sync":
		return syncs(*dir, *size, *duration)
	}
	return fmt.Errorf("got %s, want serve or sync", args[0])
}

// serve runs until standard input ends, which it does when the driver does.
func serve(dir, bind string, slower time.Duration) error {
	log, err := openLog(dir, slower)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", bind)
	if err != nil {
		return err
	}
	s := &server{dir: dir, at: listener.Addr().(*net.TCPAddr), topics: map[string]*topic{}}
	s.commits = make(chan commit, maxQueued)
	failed := make(chan error, 1)
	go func() { failed <- (&committer{log: log, queue: s.commits}).run() }()
	go s.accept(listener)
	if err := bench.Say(bench.Served{Addr: listener.Addr().String()}); err != nil {
		return err
	}
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}
