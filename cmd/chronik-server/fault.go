package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
)

// faultCommand makes actors of a running node fail, if its configuration allows that (admin.faults).
type faultCommand struct {
	Config *string `short:"c" name:"config" placeholder:"FILE" help:"Configuration of the node to ask ($CHRONIK_CONFIG)."`

	Add   addFaultCommand    `cmd:"" help:"Arm a fault."`
	List  listFaultsCommand  `cmd:"" help:"Print the faults that are armed."`
	Clear clearFaultsCommand `cmd:"" help:"Disarm all faults and end their stalls."`
	Clock clockCommand       `cmd:"" help:"Set the clock of the node wrong, until it is started again."`
}

const faultsPath = "/admin/faults"

type addFaultCommand struct {
	Path    string        `arg:"" name:"path" help:"Pattern of the actor's path: broker/raft/group-*/applier; ** stands for any parts."`
	Message string        `name:"message" placeholder:"TYPE" help:"Pattern of the message's type, such as group.Propose (default any)."`
	Nth     int           `name:"nth" placeholder:"N" default:"1" help:"The first matching message to strike at (default 1)."`
	OneIn   int           `name:"one-in" placeholder:"N" default:"1" help:"From then on strike at one in so many, by --seed (default each)."`
	Seed    uint64        `name:"seed" placeholder:"N" help:"Of the choice."`
	Times   int           `name:"times" placeholder:"N" default:"1" help:"Strikes after which it is spent (default 1); -1 for no end."`
	Point   string        `name:"point" enum:"before,middle,after" default:"before" help:"before, middle or after the message (default before)."`
	Step    int           `name:"step" placeholder:"N" default:"1" help:"Which use of its context the middle is (default 1)."`
	Do      string        `name:"do" enum:"panic,stall,drop" default:"panic" help:"panic, stall or drop (default panic)."`
	For     time.Duration `name:"for" placeholder:"TIME" help:"Length of a stall (default until cleared)."`
}

type (
	listFaultsCommand  struct{}
	clearFaultsCommand struct{}
)

type clockCommand struct {
	By time.Duration `name:"by" required:"" placeholder:"TIME" help:"How far it jumps: --by=90m, or back: --by=-3s."`
}

func (f *addFaultCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	return node.changeFaults(ctx, http.MethodPost, faultsPath, admin.Fault{
		Path: f.Path, Message: f.Message, Nth: f.Nth, OneIn: f.OneIn, Seed: f.Seed, Times: f.Times,
		Point: f.Point, Step: f.Step, Do: f.Do, ForMillis: f.For.Milliseconds(),
	}, out)
}

func (clearFaultsCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	return node.changeFaults(ctx, http.MethodDelete, faultsPath, nil, out)
}

func (k *clockCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	jump := admin.ClockJump{Millis: k.By.Milliseconds()}
	return node.changeFaults(ctx, http.MethodPost, "/admin/clock", jump, out)
}

func (listFaultsCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	code, body, err := node.call(ctx, askTime, http.MethodGet, faultsPath, nil)
	switch {
	case err != nil:
		return err
	case code != http.StatusOK:
		return faultRefusal(code, body)
	}
	var armed []admin.ArmedFault
	if err := json.Unmarshal(body, &armed); err != nil {
		return fmt.Errorf("what answers at %s is no node of this version: %w", node.base, err)
	}
	table := newTable(out, "ID", "PATH", "MESSAGE", "POINT", "DO", "NTH", "ONE IN", "TIMES", "SEEN", "STRIKES")
	for _, one := range armed {
		table.row(one.ID, one.Path, one.Message, one.Point, one.Do, one.Nth, one.OneIn, one.Times, one.Seen,
			one.Strikes)
	}
	table.end()
	return nil
}

func (a *adminClient) changeFaults(
	ctx context.Context, method, path string, request any, out io.Writer,
) error {
	code, body, err := a.call(ctx, askTime, method, path, request)
	switch {
	case err != nil:
		return err
	case code != http.StatusOK:
		return faultRefusal(code, body)
	}
	var changed admin.Changed
	if err := json.Unmarshal(body, &changed); err != nil {
		return fmt.Errorf("what answers at %s is no node of this version: %w", a.base, err)
	}
	fmt.Fprintln(out, changed.Message)
	return nil
}

func faultRefusal(code int, body []byte) error {
	if code == http.StatusNotFound {
		return errors.New("the node takes no faults; admin.faults allows them, for tests")
	}
	return errors.New(refusal(code, body))
}
