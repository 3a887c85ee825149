package image_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// model is the image as a plain program would keep it: maps that are changed in place.
type model struct {
	topics  map[string]image.TopicID
	counts  map[image.TopicID]int
	configs map[string]map[string]string // by "t/<topic>", "b/<broker>", "d/"
	brokers map[int32]uint32             // incarnations
	dirs    map[int32]byte
	nextPID int64
	groups  uint64
}

func newModel() *model {
	return &model{topics: map[string]image.TopicID{}, counts: map[image.TopicID]int{},
		configs: map[string]map[string]string{}, brokers: map[int32]uint32{}, dirs: map[int32]byte{}, groups: 2}
}

func (m *model) set(key, name, value string) {
	if m.configs[key] == nil {
		m.configs[key] = map[string]string{}
	}
	m.configs[key][name] = value
}

// names are few, so that creations meet existing and colliding topics often.
var names = []string{"a", "b", "a.b", "a_b", "x.y.z", "x_y.z", "long-name", "c"}

// step draws a command, and returns it with what it does to the model if the model says that it fits.
func (m *model) step(rng *rand.Rand, n uint64) (*metadatapb.Command, func()) {
	name := names[rng.IntN(len(names))]
	id, exists := m.topics[name]
	broker := int32(rng.IntN(4))
	switch rng.IntN(8) {
	case 0, 1:
		id := topicID(n)
		command := create(name, id, map[string]string{"c": fmt.Sprint(n)}, []int32{broker}, []int32{broker})
		if exists || m.collides(name) || m.brokers[broker] == 0 {
			return command, nil
		}
		return command, func() {
			m.topics[name], m.counts[id] = id, 2
			m.set("t/"+name, "c", fmt.Sprint(n))
			m.groups += 2
		}
	case 2:
		if !exists {
			return remove(topicID(n)), nil
		}
		return remove(id), func() {
			delete(m.topics, name)
			delete(m.counts, id)
			delete(m.configs, "t/"+name)
		}
	case 3:
		from := int32(m.counts[id] - rng.IntN(2))
		command := grow(id, from, []int32{broker})
		if !exists || int(from) != m.counts[id] || m.brokers[broker] == 0 {
			return command, nil
		}
		return command, func() { m.counts[id]++; m.groups++ }
	case 4:
		command := alterTopic(
			name,
			map[string]string{fmt.Sprint("k", n%3): fmt.Sprint(n)},
			fmt.Sprint("k", (n+1)%3),
		)
		if !exists {
			return command, nil
		}
		return command, func() {
			m.set("t/"+name, fmt.Sprint("k", n%3), fmt.Sprint(n))
			delete(m.configs["t/"+name], fmt.Sprint("k", (n+1)%3))
		}
	case 5:
		key, who := "d/", ""
		if rng.IntN(2) == 0 {
			key, who = fmt.Sprint("b/", broker), fmt.Sprint(broker)
		}
		return alterBroker(who, map[string]string{"k": fmt.Sprint(n)}), func() { m.set(key, "k", fmt.Sprint(n)) }
	case 6:
		count := int32(rng.IntN(3))
		if count == 0 {
			return allocate(broker, count), nil
		}
		return allocate(broker, count), func() { m.nextPID += int64(count) }
	default:
		dir := byte(rng.IntN(3))
		return register(broker, dir), func() {
			if m.brokers[broker] == 0 || m.dirs[broker] != dir {
				m.brokers[broker]++
			}
			m.dirs[broker] = dir
		}
	}
}

func (m *model) collides(name string) bool {
	for other := range m.topics {
		if other != name && unify(other) == unify(name) && unify(name) != "" {
			return true
		}
	}
	return false
}

func unify(name string) string {
	text := []byte(name)
	for i, c := range text {
		if c == '.' {
			text[i] = '_'
		}
	}
	return string(text)
}

func (m *model) check(t *testing.T, i *image.Image) {
	t.Helper()
	if i.TopicCount() != len(m.topics) || i.NextProducerID() != m.nextPID || uint64(i.NextGroup()) != m.groups {
		t.Fatalf(
			"%d topics, next producer id %d, next group %d; want %d, %d, %d",
			i.TopicCount(),
			i.NextProducerID(),
			i.NextGroup(),
			len(m.topics),
			m.nextPID,
			m.groups,
		)
	}
	total := 0
	for name, id := range m.topics {
		topic := i.Topic(name)
		if topic == nil || topic.ID != id || i.TopicByID(id) != topic || len(topic.Partitions) != m.counts[id] {
			t.Fatalf("topic %s: got %+v, want %s with %d partitions", name, topic, id, m.counts[id])
		}
		total += len(topic.Partitions)
		sameConfigs(t, topic.Configs, m.configs["t/"+name])
	}
	if i.PartitionCount() != total {
		t.Fatalf("%d partitions, want %d", i.PartitionCount(), total)
	}
	sameConfigs(t, i.DefaultConfigs(), m.configs["d/"])
	for id, incarnation := range m.brokers {
		if got := i.Broker(id); got == nil || got.Incarnation != incarnation {
			t.Fatalf("broker %d: got %+v, want incarnation %d", id, got, incarnation)
		}
		sameConfigs(t, i.BrokerConfigs(id), m.configs[fmt.Sprint("b/", id)])
	}
}

func sameConfigs(t *testing.T, got image.Configs, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("configs %v, want %v", got, want)
	}
	for name, value := range want {
		if got[name] != value {
			t.Fatalf("configs %v, want %v", got, want)
		}
	}
}

// TestImageFollowsTheModel applies random commands and checks after each that the image says what the
// model says, that a second image which got the same commands through their encoding is the same, and now
// and then that a snapshot restores the same image and that old images have not changed.
func TestImageFollowsTheModel(t *testing.T) {
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	m := newModel()
	first, twin := image.New(), image.New()
	type old struct {
		image *image.Image
		bytes string
	}
	var kept []old
	for n := uint64(1); n <= 3000; n++ {
		command, effect := m.step(rng, n)
		decoded, err := metadatapb.DecodeCommand(metadatapb.EncodeCommand(command))
		if err != nil {
			t.Fatal(err)
		}
		next, event := first.Apply(command)
		if _, rejected := event.(image.Rejected); rejected != (effect == nil) {
			t.Fatalf("step %d: %v gave %#v, the model says fits=%v", n, command, event, effect != nil)
		}
		if effect != nil {
			effect()
		}
		first = next
		twin, _ = twin.Apply(decoded)
		m.check(t, first)
		if n%50 == 0 {
			bytes := encoded(t, first.Snapshot())
			if string(bytes) != string(encoded(t, twin.Snapshot())) {
				t.Fatalf("step %d: the same commands gave two images", n)
			}
			first = restored(t, bytes)
			m.check(t, first)
			kept = append(kept, old{twin, string(bytes)})
		}
	}
	for _, one := range kept {
		if string(encoded(t, one.image.Snapshot())) != one.bytes {
			t.Fatalf("image %d changed after it was made", one.image.Version())
		}
	}
}

func restored(t *testing.T, bytes []byte) *image.Image {
	t.Helper()
	snapshot, err := metadatapb.DecodeSnapshot(bytes)
	if err != nil {
		t.Fatal(err)
	}
	i, err := image.FromSnapshot(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if string(encoded(t, i.Snapshot())) != string(bytes) {
		t.Fatal("a restored image has another snapshot")
	}
	return i
}
