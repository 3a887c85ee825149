package modern

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

var update = flag.Bool("update", false, "write what the scripts say now")

// cluster is the topics of a test. The id of a topic counts up, so that one made again has another.
type cluster struct {
	version uint64
	byName  map[string]records.Topic
	made    byte
	unknown bool // what expressions match
}

func newCluster() *cluster { return &cluster{version: 1, byName: map[string]records.Topic{}} }

func (c *cluster) set(name string, partitions int32) {
	c.version++
	topic, exists := c.byName[name]
	switch {
	case partitions == 0:
		delete(c.byName, name)
		return
	case !exists:
		c.made++
		topic = records.Topic{Name: name, ID: records.TopicID{15: c.made}}
	}
	topic.Partitions = partitions
	c.byName[name] = topic
}

func (c *cluster) Version() uint64 { return c.version }

func (c *cluster) Topic(name string) (records.Topic, bool) {
	topic, exists := c.byName[name]
	return topic, exists
}

func (c *cluster) TopicByID(id records.TopicID) (records.Topic, bool) {
	for _, topic := range c.byName {
		if topic.ID == id {
			return topic, true
		}
	}
	return records.Topic{}, false
}

func (c *cluster) Matching(expression string) ([]string, bool) {
	compiled := regexp.MustCompile(expression)
	compiled.Longest()
	var found []string
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		if at := compiled.FindStringIndex(name); at != nil && at[0] == 0 && at[1] == len(name) {
			found = append(found, name)
		}
	}
	return found, !c.unknown
}

// disk is the log: the newest value of each key.
type disk map[records.ModernKey][]byte

func (d disk) append(list []batch.Record) {
	for _, one := range list {
		key := records.Key(one.Key).(records.ModernKey)
		if one.Value == nil {
			delete(d, key)
		} else {
			d[key] = one.Value
		}
	}
}

// TestScripts plays the scripts in testdata: a line is a call, lines that begin with "> " after it are what it
// brings about: the answer, the records, the state of the group.
//
//	group [max=N] [assignors=a,b] [migration=policy]    a new group
//	topic NAME N                                        a topic has N partitions, 0: it is gone
//	hb ID EPOCH [names=a,b] [regex=x] [owned=a:0,1;b:2] [instance=] [assignor=] [v=1] [timeout=10s]
//	join ID [topics=a,b] [owned=a:0] [protocols=range] [instance=] [v=9] [session=10s] [timeout=10s]
//	sync ID GENERATION
//	beat ID GENERATION
//	leave ID [instance=]
//	commit ID EPOCH [on=a:0] [v=9]
//	fetch ID EPOCH
//	refresh                                             what expressions match may have changed
//	unknown, known                                      it is not known at the moment, or is again
//	at TIME                                             time passes
//	fail                                                what the last call wrote is not committed
//	restore                                             the group is read from the log
//	upgrade N members...                                a classic group of generation N: id=topic:partitions
//	remove
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
	p := &player{t: t, now: time.Unix(1000, 0), topics: newCluster(), log: disk{}}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "> ") {
			continue
		}
		out.WriteString(line + "\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			for _, said := range p.call(line) {
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
	t        *testing.T
	group    *Group
	settings Settings
	now      time.Time
	topics   *cluster
	log      disk
	before   disk
	ids      int
}

func (p *player) call(line string) []string {
	words := strings.Fields(line)
	var names []string
	args := map[string]string{}
	for _, word := range words[1:] {
		if key, value, found := strings.Cut(word, "="); found && words[0] != "upgrade" {
			args[key] = value
		} else {
			names = append(names, word)
		}
	}
	switch words[0] {
	case "group":
		p.begin(args)
		return nil
	case "topic":
		p.topics.set(names[0], p.number(names[1]))
		return nil
	case "unknown", "known":
		p.topics.unknown = words[0] == "unknown"
		return nil
	case "restore":
		restored, err := Restore("g", p.log, &p.settings, p.now)
		if err != nil {
			p.t.Fatal(err)
		}
		p.group = restored
		return []string{p.state()}
	case "fail":
		p.log = p.before
		p.group.Settle(false)
		return []string{p.state()}
	}
	p.group = p.settled()
	said := p.ask(words[0], names, args)
	p.before = maps.Clone(p.log)
	written := p.group.Take()
	p.log.append(written)
	for _, one := range written {
		said = append(said, p.shownRecord(one))
	}
	if d := p.group.Downgraded(); d != nil {
		for _, m := range d.Classic.Members {
			assigned, _ := decodeAssignment(m.Assignment, p.topics)
			said = append(said, fmt.Sprintf("classic member %s: %s", m.ID, p.shown(assigned)))
		}
		return append(said, fmt.Sprintf("classic group gen=%d rebalance=%t", d.Classic.Generation, d.Rebalance))
	}
	return append(said, p.state())
}

func (p *player) settled() *Group {
	if p.group != nil {
		p.group.Settle(true)
	}
	return p.group
}

func (p *player) ask(call string, names []string, args map[string]string) []string {
	who := classic.Client{ID: "c", Host: "/h"}
	switch call {
	case "hb":
		r := p.heartbeatOf(names[0], p.number(names[1]), args)
		if err := Check(r, &p.settings); err != nil {
			return []string{err.Error()}
		}
		return []string{p.shownHeartbeat(p.group.Heartbeat(p.now, who, r, p.topics))}
	case "join":
		r := p.group.Join(p.now, who, p.joinOf(names, args), p.topics)
		if r.ErrorCode != 0 {
			return []string{fmt.Sprintf("%s member=%s", protocol.Code(r.ErrorCode), r.MemberID)}
		}
		return []string{fmt.Sprintf("joined member=%s gen=%d protocol=%s", r.MemberID, r.Generation, *r.Protocol)}
	case "sync":
		r := kmsg.NewPtrSyncGroupRequest()
		r.MemberID, r.Generation, r.InstanceID = names[0], p.number(names[1]), instanceOf(args)
		answer := p.group.Sync(p.now, r, p.topics)
		if answer.ErrorCode != 0 {
			return []string{protocol.Code(answer.ErrorCode).String()}
		}
		assigned, err := decodeAssignment(answer.MemberAssignment, p.topics)
		if err != nil {
			p.t.Fatal(err)
		}
		return []string{"assigned " + p.shown(assigned)}
	case "beat":
		r := kmsg.NewPtrHeartbeatRequest()
		r.MemberID, r.Generation, r.InstanceID = names[0], p.number(names[1]), instanceOf(args)
		return []string{p.group.ClassicHeartbeat(p.now, r, p.topics).String()}
	case "refresh":
		p.group.Refresh(p.now, p.topics)
		return nil
	case "leave":
		return p.leave(names, args)
	case "commit":
		return []string{p.commit(names[0], p.number(names[1]), args)}
	case "fetch":
		return []string{p.group.CheckFetch(p.number(names[1]), &names[0]).String()}
	case "at":
		d, err := time.ParseDuration(names[0])
		if err != nil {
			p.t.Fatal(err)
		}
		p.now = time.Unix(1000, 0).Add(d)
		p.group.Tick(p.now, p.topics)
		return nil
	case "upgrade":
		return p.upgrade(names)
	case "remove":
		p.group.Remove()
		return nil
	}
	p.t.Fatalf("unknown call %q", call)
	return nil
}

func (p *player) begin(args map[string]string) {
	p.settings = Settings{
		Session: 45 * time.Second, Heartbeat: 5 * time.Second, MaxSize: 100, ClassicMaxSize: 100,
		Assignors: strings.Split(orElse(args["assignors"], "uniform,range"), ","),
		NewID:     func() string { p.ids++; return "new-" + strconv.Itoa(p.ids) },
	}
	if args["max"] != "" {
		p.settings.MaxSize = int(p.number(args["max"]))
	}
	p.settings.Migration, _ = ParseMigration(orElse(args["migration"], "bidirectional"))
	p.log, p.group = disk{}, New("g", &p.settings)
}

func (p *player) heartbeatOf(id string, epoch int32, args map[string]string) *kmsg.ConsumerGroupHeartbeatRequest {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Version = int16(p.number(orElse(args["v"], "1")))
	r.Group, r.MemberID, r.MemberEpoch, r.InstanceID = "g", id, epoch, instanceOf(args)
	if id == "-" {
		r.MemberID = ""
	}
	if names, given := args["names"]; given {
		r.SubscribedTopicNames = []string{}
		if names != "" {
			r.SubscribedTopicNames = strings.Split(names, ",")
		}
	}
	if regex, given := args["regex"]; given {
		r.SubscribedTopicRegex = &regex
	}
	if assignor, given := args["assignor"]; given {
		r.ServerAssignor = &assignor
	}
	owned, given := args["owned"]
	if given || epoch == 0 {
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for topic, list := range p.parse(owned) {
			one := kmsg.NewConsumerGroupHeartbeatRequestTopic()
			one.TopicID, one.Partitions = topic, list
			r.Topics = append(r.Topics, one)
		}
	}
	if timeout, given := args["timeout"]; given || epoch == 0 {
		d, err := time.ParseDuration(orElse(timeout, "60s"))
		if err != nil {
			p.t.Fatal(err)
		}
		r.RebalanceTimeoutMillis = int32(d.Milliseconds())
	}
	return r
}

func (p *player) joinOf(names []string, args map[string]string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version = int16(p.number(orElse(args["v"], "9")))
	if len(names) > 0 {
		r.MemberID = names[0]
	}
	r.ProtocolType, r.InstanceID = "consumer", instanceOf(args)
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 10_000, 20_000
	subscription := kmsg.NewConsumerMemberMetadata()
	subscription.Version = 3
	subscription.Topics = strings.Split(args["topics"], ",")
	for topic, list := range p.parse(args["owned"]) {
		one := kmsg.NewConsumerMemberMetadataOwnedPartition()
		named, _ := p.topics.TopicByID(topic)
		one.Topic, one.Partitions = named.Name, list
		subscription.OwnedPartitions = append(subscription.OwnedPartitions, one)
	}
	for _, name := range strings.Split(orElse(args["protocols"], "range"), ",") {
		one := kmsg.NewJoinGroupRequestProtocol()
		one.Name, one.Metadata = name, subscription.AppendTo(nil)
		r.Protocols = append(r.Protocols, one)
	}
	return r
}

func (p *player) leave(names []string, args map[string]string) []string {
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Version = 5
	one := kmsg.NewLeaveGroupRequestMember()
	if one.InstanceID = instanceOf(args); len(names) > 0 {
		one.MemberID = names[0]
	}
	r.Members = append(r.Members, one)
	answer := p.group.Leave(r, p.topics).Members[0]
	return []string{"left " + answer.MemberID + " " + protocol.Code(answer.ErrorCode).String()}
}

func (p *player) commit(id string, epoch int32, args map[string]string) string {
	if id == "-" {
		id = ""
	}
	code := p.group.CheckCommit(epoch, id, int16(p.number(orElse(args["v"], "9"))))
	if code != protocol.None {
		return code.String()
	}
	for topic, list := range p.parse(args["on"]) {
		named, _ := p.topics.TopicByID(topic)
		if p.group.Late(epoch, id, named.Name, list[0]) {
			return "late"
		}
	}
	return code.String()
}

func (p *player) upgrade(words []string) []string {
	from := classic.Exported{Generation: p.number(words[0])}
	for _, word := range words[1:] {
		id, has, _ := strings.Cut(word, "=")
		topic, _, _ := strings.Cut(has, ":")
		join := p.joinOf(nil, map[string]string{"topics": topic})
		from.Members = append(from.Members, classic.ExportedMember{
			ID: id, Session: 10 * time.Second, Rebalance: 20 * time.Second, Protocols: join.Protocols,
			Subscription: join.Protocols[0].Metadata,
			Assignment:   encodeAssignment(p.parse(has), join.Protocols[0].Metadata, p.topics),
		})
	}
	group, err := Upgrade("g", from, &p.settings, p.now, p.topics)
	if err != nil {
		return []string{err.Error()}
	}
	p.group = group
	return nil
}

// parse reads partitions as in a:0,1;b:2.
func (p *player) parse(text string) records.Partitions {
	lists := map[records.TopicID][]int32{}
	for _, part := range strings.Split(text, ";") {
		name, indexes, found := strings.Cut(part, ":")
		if !found {
			continue
		}
		topic, exists := p.topics.Topic(name)
		if !exists {
			topic.ID = records.TopicID{0: 9}
		}
		for _, index := range strings.Split(indexes, ",") {
			lists[topic.ID] = append(lists[topic.ID], p.number(index))
		}
	}
	return records.PartitionsOf(lists)
}

func (p *player) number(text string) int32 {
	n, err := strconv.Atoi(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return int32(n)
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

func (p *player) shown(set records.Partitions) string {
	var parts []string
	for id, list := range set {
		topic, exists := p.topics.TopicByID(id)
		if !exists {
			topic.Name = fmt.Sprintf("#%d", id[15])
		}
		parts = append(parts, topic.Name+":"+strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]"))
	}
	slices.Sort(parts)
	return "[" + strings.Join(parts, " ") + "]"
}

func (p *player) shownHeartbeat(r *kmsg.ConsumerGroupHeartbeatResponse) string {
	if r.ErrorCode != 0 {
		return protocol.Code(r.ErrorCode).String()
	}
	text := fmt.Sprintf("member=%s epoch=%d", *r.MemberID, r.MemberEpoch)
	if r.Assignment == nil {
		return text
	}
	lists := map[records.TopicID][]int32{}
	for _, topic := range r.Assignment.Topics {
		lists[topic.TopicID] = topic.Partitions
	}
	return text + " " + p.shown(records.PartitionsOf(lists))
}

func (p *player) shownRecord(one batch.Record) string {
	key := records.Key(one.Key).(records.ModernKey)
	text := map[records.Kind]string{
		records.EpochKind: "epoch", records.TopicsKind: "topics", records.MemberKind: "member",
		records.TargetEpochKind: "target epoch", records.TargetKind: "target", records.CurrentKind: "current",
		records.RegexKind: "regex",
	}[key.Kind]
	if key.Name != "" {
		text += " " + key.Name
	}
	if one.Value == nil {
		return "write " + text + " gone"
	}
	switch key.Kind {
	case records.EpochKind, records.TargetEpochKind:
		epoch, _ := records.ReadEpoch(one.Value)
		text += fmt.Sprintf(" %d", epoch)
	case records.TopicsKind:
		topics, _ := records.ReadTopics(one.Value)
		for _, topic := range topics {
			text += fmt.Sprintf(" %s/%d", topic.Name, topic.Partitions)
		}
	case records.TargetKind:
		target, _ := records.ReadTarget(one.Value)
		text += " " + p.shown(target)
	case records.CurrentKind:
		c, _ := records.ReadCurrent(one.Value)
		text += fmt.Sprintf(" epoch=%d before=%d %s %s", c.Epoch, c.Previous,
			[]string{"stable", "unrevoked", "unreleased"}[c.State], p.shown(c.Assigned))
		if c.Revoking.Len() > 0 {
			text += " revoking " + p.shown(c.Revoking)
		}
	case records.RegexKind:
		x, _ := records.ReadRegex(one.Value)
		text += " " + strings.Join(x.Topics, ",")
	}
	return "write " + text
}

func (p *player) state() string {
	text := fmt.Sprintf("%s epoch=%d [%s]", p.group.State(), p.group.epoch,
		strings.Join(slices.Sorted(maps.Keys(p.group.members)), " "))
	if next := p.group.Next(); !next.IsZero() {
		text += " next=" + next.Sub(time.Unix(1000, 0)).String()
	}
	return text
}
