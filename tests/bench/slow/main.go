//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/tests/bench"
)

func main() {
	dir := flag.String("dir", ".", "folder for files")
	sync := flag.Duration("sync", time.Millisecond, "how much longer a sync takes")
	flag.Parse()
	if err := serve(*dir, *sync); err != nil {
		fmt.Fprintln(os.Stderr, "slow:", err)
		os.Exit(1)
	}
}

// serve runs until standard input ends, which it does when the driver does.
func serve(dir string, sync time.Duration) error {
	settings := config.Default()
	settings.DataDir, settings.Bind.Kafka, settings.Bind.Metrics = dir, "127.0.0.1:0", "127.0.0.1:0"
	disk := vfs.NewFaulty(vfs.OS(), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			time.Sleep(sync) // the disk is busy
		}
		return nil
	})
	running, err := broker.Start(context.Background(), broker.Options{
		Config: settings, FS: disk, Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel),
	})
	if err != nil {
		return err
	}
	if err := bench.Say(bench.Served{Addr: running.Addr()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
