package arch

// Everything that may need a change when the program grows is in this file.

const module = "github.com/chronik-go/chronik"

// ladder holds the packages, the highest rung first. A package imports only what is below its own rung; what
// stands on one rung knows nothing of each other. A pattern that ends in /* stands for any one further part.
var ladder = [][]string{
	{"cmd/*"},
	{"actors/broker"},
	{"actors/listener", "actors/admin", "actors/config", "actors/local"},
	{"actors/conn", "actors/local/pull"},
	{"actors/request/api"},
	{"actors/request/write", "actors/request/fetch", "actors/request/call"},
	{"actors/request"},
	{"actors/groups", "actors/transactions"},
	{"actors/groups/coordinator", "actors/transactions/coordinator"},
	{"actors/groups/consumers"},
	{"actors/groups/modern", "actors/groups/expressions"},
	{"actors/groups/classic", "actors/groups/offsets", "actors/groups/assignor"},
	{"actors/transactions/records", "actors/coordinators"},
	{"actors/groups/records", "actors/transactions/transaction"},
	{"actors/partitions"},
	{"actors/cleaner"},
	{"actors/partition", "actors/metadata"},
	{"actors/metadata/controller"},
	{"actors/metadata/image/config"},
	{"actors/metadata/image"},
	{"actors/metadata/image/features"},
	{"actors/metadata/metadatapb"},
	{"actors/brokers"},
	{"raftactor"},
	{"raftactor/group"},
	{"raftactor/catchup"},
	{"raftactor/link/server"},
	{"raftactor/link"},
	{"raftactor/link/wire"},
	{"raftactor/applier"},
	{"storage"},
	{"storage/janitor"},
	{"storage/walactor"},
	{"storage/partitionlog"},
	{"storage/wal", "storage/datadir"},
	{"storage/vfs"},
	{"actors/kit"},
	{"actors/kit/planted"},
	{"actors/memnet"},
	{"protocol/batch"},
	{"protocol"},
	{"actors"}, // the drawing, no code
}

// helpers are packages for tests: only tests and other helpers import them, and they may import anything.
var helpers = []string{"actors/kit/kittest", "actors/request/requesttest", "tests"}

// reserved says who alone may import a library, and why.
var reserved = map[string]reservation{
	"github.com/asynkron/protoactor-go": {
		"actors/kit", "so that its hazards are dealt with once and a fork touches one package",
	},
	"go.etcd.io/raft/v3": {
		"raftactor", "so that nothing else depends on how consensus is done",
	},
	"google.golang.org/grpc": {
		"raftactor/link", "so that nothing else depends on how nodes are connected",
	},
}

type reservation struct{ by, why string }

// Limits of files and functions in lines, and of lines in characters. Tests and generated files have none:
// their tables are better wide than broken.
const (
	maxFileLines     = 600
	maxFunctionLines = 70
	maxLineLength    = 110
)

// rim are the files of actor packages whose code runs outside of turns, on goroutines of its own. Only they
// may wait, and only what they declare may be started with a go statement.
var rim = []string{
	"reader.go", "writer.go", "acceptor.go", "server.go", "dialer.go", "pulse.go", "metronome_portable.go",
}

// banned is what the code of actors must not do in a turn, with what to do instead.
var banned = map[string]string{
	"time.Sleep":               "Context.After",
	"time.After":               "Context.After",
	"time.AfterFunc":           "Context.After",
	"time.NewTimer":            "Context.After",
	"time.NewTicker":           "Context.Every",
	"time.Tick":                "Context.Every",
	"time.Now":                 "Context.Now",
	"time.Since":               "Context.Now and Sub",
	"time.Until":               "Context.Now and Sub",
	"sync.Mutex":               "messages, or an atomic value that others only read",
	"sync.RWMutex":             "messages, or an atomic value that others only read",
	"sync.Cond":                "messages",
	"sync.WaitGroup":           "Terminated of the children",
	module + "/actors/kit.Ask": "Tell with a token, and Pending",
}

// allowed lists the files that do what is banned, with the reason. Files that do not need it any more are
// reported too.
var allowed = map[string]string{
	"actors/conn/memory.go":     "runs on the reader's goroutine, which may wait for memory",
	"actors/broker/start.go":    "the door for main: asks the actor from outside",
	"actors/broker/changes.go":  "runs on the goroutines of the HTTP listener, which may wait",
	"storage/walactor/stall.go": "watches from outside whether the disk answers during a turn",
}

// cardKeys are the lines that the card of an actor has, in its package's doc.go.
var cardKeys = []string{
	"parent", "children", "owns", "on panic", "loses", "mailbox", "blocks", "receives", "sends",
}
