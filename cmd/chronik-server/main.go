// The runtime asks once a second whether the container has got other processors. For a node at rest that
// is a good part of its cost; one that is given more takes them when it is started again.
//go:debug updatemaxprocs=0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/config"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// commandLine is what kong parses. Values stay text and nil means not given: they are merged with file and
// environment, and parsed, by actors/config alone.
type commandLine struct {
	DataDir  *string `short:"d" name:"data-dir" placeholder:"DIR" help:"Folder for everything that is kept (default ./data)."`
	LogLevel *string `short:"l" name:"log-level" placeholder:"LEVEL" help:"trace, debug, info, warn or error (default info)."`

	Start   startCommand   `cmd:"" help:"Run a node until SIGTERM or SIGINT."`
	Cluster clusterCommand `cmd:"" help:"Look at a cluster or change its nodes."`
	Tree    treeCommand    `cmd:"" help:"Draw the live supervision tree of a node."`
	Fault   faultCommand   `cmd:"" help:"Make actors of a test node fail, or its clock jump."`
	Version versionCommand `cmd:"" help:"Print what this binary was built from."`
}

type startCommand struct {
	Config    *string `short:"c" name:"config" placeholder:"FILE" help:"TOML file with settings ($CHRONIK_CONFIG)."`
	Bind      *string `name:"bind" placeholder:"ADDR" help:"Address of the Kafka listener: HOST, HOST:PORT or :PORT (default 0.0.0.0, port of the own [[peers]] entry or 9092)."`
	Advertise *string `name:"advertise" placeholder:"HOST[:PORT]" help:"Address that clients are told."`
	NodeID    *string `name:"node-id" placeholder:"N" help:"Id of this node (default 1)."`
}

type versionCommand struct{}

// process is the world around the command, replaced by tests.
type process struct {
	args    []string
	environ []string
	stdout  io.Writer
	stderr  io.Writer
	signals <-chan os.Signal
	start   starter
}

func main() {
	os.Exit(run(process{
		args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
		signals: stopSignals(), start: startBroker,
	}))
}

// run does what the command line says and returns the exit status.
func run(p process) int {
	var line commandLine
	exited := -1
	parser, err := kong.New(&line,
		kong.Name("chronik-server"),
		kong.Description("A Kafka-compatible broker. "+
			"Settings come from a file, CHRONIK_* variables and flags, in rising precedence."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(status int) { exited = status }),
		kong.UsageOnError(),
	)
	if err != nil {
		panic("BUG: command line: " + err.Error())
	}
	parsed, err := parser.Parse(p.args)
	switch {
	case exited >= 0: // --help was served
		return exited
	case err != nil:
		fmt.Fprintf(p.stderr, "chronik-server: %v\nRun chronik-server --help for the commands.\n", err)
		return exitUsage
	case parsed.Command() == "version":
		fmt.Fprintln(p.stdout, admin.ReadBuild())
		return exitOK
	}
	if command := line.asking(parsed.Command()); command != nil {
		return ask(p, &line, command)
	}
	return start(p, &line)
}

// settings merges the sources. Errors are ready to print.
func (line *commandLine) settings(environ []string) (config.Config, []string, error) {
	source := config.Source{Path: config.Path(environ), Environ: environ, Flags: make(map[string]string)}
	for _, path := range []*string{
		line.Start.Config, line.Cluster.Config, line.Tree.Config, line.Fault.Config,
	} { // of one command, so at most one
		if path != nil {
			source.Path = *path
		}
	}
	if source.Path != "" {
		text, err := os.ReadFile(source.Path)
		if err != nil {
			return config.Config{}, nil, fmt.Errorf("configuration file: %w", err)
		}
		source.Text = text
	}
	for key, value := range map[string]*string{
		"data_dir": line.DataDir, "log_level": line.LogLevel, "node_id": line.Start.NodeID,
		"bind.kafka": line.Start.Bind, "advertise.kafka": line.Start.Advertise,
	} {
		if value != nil {
			source.Flags[key] = *value
		}
	}
	return config.Load(source)
}

// printSettingsError shows one problem per line, so that a file is mended in one go.
func printSettingsError(w io.Writer, err error) {
	var problems *config.Error
	if !errors.As(err, &problems) {
		fmt.Fprintf(w, "chronik-server: %v\n", err)
		return
	}
	fmt.Fprintln(w, "chronik-server: the configuration cannot be used:")
	for _, problem := range problems.Problems {
		fmt.Fprintf(w, "  %s\n", problem)
	}
}
