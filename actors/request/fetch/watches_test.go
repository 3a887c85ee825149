package fetch

import (
	"testing"

	"github.com/chronik-go/chronik/actors/partition"
)

func TestWatchIsRegisteredOncePerOffset(t *testing.T) {
	var w watches
	r := &partition.Replica{}
	token, send := w.arm(watched{replica: r}, 5, user{work: 1}, 1)
	if !send {
		t.Fatal("the first fetch registers nowhere")
	}
	if again, send := w.arm(watched{replica: r}, 5, user{work: 2}, 2); send || again != token {
		t.Fatal("a fetch from the same offset registers again")
	}
	if _, send := w.arm(watched{replica: r}, 6, user{work: 3}, 2); !send {
		t.Fatal("a fetch from another offset does not register")
	}
	users := w.woken(token)
	if len(users) != 2 || users[0].work != 2 || users[1].work != 3 {
		t.Fatalf("woke %v, want fetches 2 and 3: 1 is over", users)
	}
	if len(w.woken(token)) != 0 {
		t.Fatal("woke twice")
	}
	if _, send := w.arm(watched{replica: r}, 6, user{work: 4}, 4); !send {
		t.Fatal("a watch that fired is not registered again")
	}
}

func TestReadersOfCommittedRecordsWatchForThemselves(t *testing.T) {
	var w watches
	r := &partition.Replica{}
	all, _ := w.arm(watched{replica: r}, 5, user{work: 1}, 1)
	committed, send := w.arm(watched{replica: r, stable: true}, 3, user{work: 2}, 1)
	if !send || committed == all {
		t.Fatal("the last stable offset and the high watermark share a watch")
	}
	if users := w.woken(all); len(users) != 1 || users[0].work != 1 {
		t.Errorf("got %v, want who waits for the high watermark", users)
	}
}

func TestOutdatedWakeUpFindsNothing(t *testing.T) {
	var w watches
	r := &partition.Replica{}
	token, _ := w.arm(watched{replica: r}, 5, user{work: 1}, 1)
	var unwaited []uint64
	w.reset(func(_ *partition.Replica, token uint64) { unwaited = append(unwaited, token) })
	if len(unwaited) != 1 || unwaited[0] != token {
		t.Fatalf("took back %v, want %d", unwaited, token)
	}
	fresh, send := w.arm(watched{replica: r}, 5, user{work: 2}, 2)
	if !send || fresh == token {
		t.Fatal("a new generation uses old tokens")
	}
	if len(w.woken(token)) != 0 || len(w.woken(99)) != 0 {
		t.Fatal("an outdated token woke somebody")
	}
}
