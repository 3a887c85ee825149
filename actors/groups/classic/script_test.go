package classic

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

var update = flag.Bool("update", false, "write what the scripts say now")

// TestScripts plays the scripts in testdata: a line is a call, lines that begin with "> " after it are what it
// brings about.
//
//	group [delay=3s] [max=N]                       a new group
//	join T [id=] [v=5] [instance=] [protocols=a,b] [meta=] [session=10s] [rebalance=60s] [type=consumer]
//	sync T id= [gen=] [instance=] [assign=member:text,...]
//	heartbeat id= [gen=] [instance=]
//	leave [id=] [instance=] [v=3]
//	commit [id=] [gen=] [instance=]
//	saved N [CODE number]
//	at TIME                                        time passes
//	restore                                        the group is read from what it last saved
//	kill
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { play(t, file) })
	}
}

func play(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &player{now: time.Unix(1000, 0), tickets: map[Ticket]string{}}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "> ") {
			continue
		}
		out.WriteString(line + "\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			for _, said := range p.call(t, line) {
				out.WriteString("> " + said + "\n")
			}
		}
	}
	if out.String() == string(text) {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("got\n%s\nwant\n%s", out.String(), text)
}

type player struct {
	group    *Group
	settings Settings
	now      time.Time
	begun    time.Time
	tickets  map[Ticket]string
	last     Ticket
	ids      int
	saved    []byte
}

func (p *player) call(t *testing.T, line string) []string {
	words := strings.Fields(line)
	args := map[string]string{}
	for _, word := range words[1:] {
		key, value, found := strings.Cut(word, "=")
		if !found {
			args["name"] = args["name"] + word
			continue
		}
		args[key] = value
	}
	var said []string
	switch words[0] {
	case "group":
		p.begin(args)
	case "restore":
		restored, err := Restore("g", p.saved, &p.settings, p.now)
		if err != nil {
			t.Fatal(err)
		}
		p.group = restored
	case "at":
		p.now = p.begun.Add(duration(t, args["name"]))
		p.group.Tick(p.now)
	case "join":
		p.group.Join(p.now, Client{"c", "/h"}, joinOf(t, args), p.ticket(args["name"]))
	case "sync":
		p.group.Sync(p.now, p.syncOf(t, args), p.ticket(args["name"]))
	case "heartbeat":
		r := kmsg.NewPtrHeartbeatRequest()
		r.MemberID, r.InstanceID, r.Generation = args["id"], instanceOf(args), p.generation(t, args)
		said = append(said, p.group.Heartbeat(p.now, r).String())
	case "leave":
		said = append(said, p.leave(t, args)...)
	case "commit":
		generation := int32(-1)
		if args["gen"] != "" {
			generation = number(t, args["gen"])
		}
		said = append(said, p.group.CheckCommit(p.now, generation, args["id"], instanceOf(args)).String())
	case "saved":
		p.group.Saved(p.now, uint64(number(t, words[1])), protocol.Code(number(t, args["code"]+"")))
	case "kill":
		p.group.Kill(p.now)
	default:
		t.Fatalf("unknown call %q", line)
	}
	return append(append(said, p.effects()...), p.state())
}

func (p *player) begin(args map[string]string) {
	delay, _ := time.ParseDuration(args["delay"])
	size, _ := strconv.Atoi(args["max"])
	if size == 0 {
		size = 100
	}
	p.settings = Settings{
		MinSession: 6 * time.Second, MaxSession: 30 * time.Minute, InitialDelay: delay, MaxSize: size,
		NewID: func() string { p.ids++; return strconv.Itoa(p.ids) },
	}
	p.begun = p.now
	p.group = New("g", &p.settings, p.now)
}

func (p *player) ticket(name string) Ticket {
	p.last++
	p.tickets[p.last] = name
	return p.last
}

func (p *player) generation(t *testing.T, args map[string]string) int32 {
	if args["gen"] == "" {
		return p.group.generation
	}
	return number(t, args["gen"])
}

func joinOf(t *testing.T, args map[string]string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version = 9
	if args["v"] != "" {
		r.Version = int16(number(t, args["v"]))
	}
	r.MemberID, r.InstanceID = args["id"], instanceOf(args)
	r.ProtocolType = orElse(args["type"], "consumer")
	r.SessionTimeoutMillis = int32(duration(t, orElse(args["session"], "10s")).Milliseconds())
	r.RebalanceTimeoutMillis = int32(duration(t, orElse(args["rebalance"], "60s")).Milliseconds())
	for _, name := range strings.Split(orElse(args["protocols"], "range"), ",") {
		one := kmsg.NewJoinGroupRequestProtocol()
		one.Name, one.Metadata = name, []byte(args["meta"])
		r.Protocols = append(r.Protocols, one)
	}
	return r
}

func (p *player) syncOf(t *testing.T, args map[string]string) *kmsg.SyncGroupRequest {
	r := kmsg.NewPtrSyncGroupRequest()
	r.MemberID, r.InstanceID, r.Generation = args["id"], instanceOf(args), p.generation(t, args)
	if args["protocol"] != "" {
		name := args["protocol"]
		r.Protocol = &name
	}
	for _, pair := range strings.Split(args["assign"], ",") {
		if member, value, found := strings.Cut(pair, ":"); found {
			one := kmsg.NewSyncGroupRequestGroupAssignment()
			one.MemberID, one.MemberAssignment = member, []byte(value)
			r.GroupAssignment = append(r.GroupAssignment, one)
		}
	}
	return r
}

func (p *player) leave(t *testing.T, args map[string]string) []string {
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Version = 5
	if args["v"] != "" {
		r.Version = int16(number(t, args["v"]))
	}
	if r.MemberID = args["id"]; r.Version >= 3 {
		one := kmsg.NewLeaveGroupRequestMember()
		one.MemberID, one.InstanceID = args["id"], instanceOf(args)
		r.Members = append(r.Members, one)
	}
	response := p.group.Leave(p.now, r)
	said := []string{protocol.Code(response.ErrorCode).String()}
	for _, one := range response.Members {
		said = append(said, "left "+one.MemberID+" "+protocol.Code(one.ErrorCode).String())
	}
	return said
}

func instanceOf(args map[string]string) *string {
	if instance, named := args["instance"]; named {
		return &instance
	}
	return nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number(t *testing.T, text string) int32 {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

func (p *player) effects() []string {
	var said []string
	effects := p.group.Take()
	for _, reply := range effects.Replies {
		said = append(said, p.tickets[reply.Ticket]+": "+shown(reply.Response))
		delete(p.tickets, reply.Ticket)
	}
	for _, save := range effects.Saves {
		p.saved = save.Value
		said = append(said, fmt.Sprintf("save %d", save.ID))
	}
	return said
}

func shown(response kmsg.Response) string {
	switch r := response.(type) {
	case *kmsg.JoinGroupResponse:
		if r.ErrorCode != 0 {
			return fmt.Sprintf("%s member=%s", protocol.Code(r.ErrorCode), r.MemberID)
		}
		text := fmt.Sprintf("joined member=%s gen=%d leader=%s protocol=%s", r.MemberID, r.Generation, r.LeaderID,
			*r.Protocol)
		if r.SkipAssignment {
			text += " skip"
		}
		for _, m := range r.Members {
			text += " " + m.MemberID
		}
		return text
	case *kmsg.SyncGroupResponse:
		if r.ErrorCode != 0 {
			return protocol.Code(r.ErrorCode).String()
		}
		return "assigned " + strconv.Quote(string(r.MemberAssignment))
	}
	return fmt.Sprintf("%T", response)
}

func (p *player) state() string {
	var ids []string
	for _, m := range p.group.members {
		ids = append(ids, m.id)
	}
	text := fmt.Sprintf("%s gen=%d [%s]", p.group.State(), p.group.generation, strings.Join(ids, " "))
	if next := p.group.Next(); !next.IsZero() {
		text += " next=" + next.Sub(p.begun).String()
	}
	return text
}
