package kittest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestAlarmsOfAnOwnerAreDropped(t *testing.T) {
	var alarms kittest.Alarms
	var rang []string
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	set := func(after time.Duration, owner any, name string) *kittest.Alarm {
		return alarms.Set(begin.Add(after), owner, func() { rang = append(rang, name) })
	}
	set(5*time.Second, "b", "b5")
	gone := set(time.Second, "a", "a1")
	set(3*time.Second, nil, "3")
	set(2*time.Second, "a", "a2")
	set(2*time.Second, "b", "b2")
	set(2*time.Second, nil, "2")
	removed := set(4*time.Second, "b", "b4")
	alarms.Drop("a")
	if alarms.Remove(gone) || !alarms.Remove(removed) || alarms.Remove(removed) {
		t.Error("got an alarm that is removed other than once")
	}
	for at, any := alarms.Next(); any; at, any = alarms.Next() {
		rang = append(rang, at.Sub(begin).String())
		alarms.Take()()
	}
	if want := []string{"2s", "b2", "2s", "2", "3s", "3", "5s", "b5"}; !slices.Equal(rang, want) {
		t.Errorf("got %v, want %v", rang, want)
	}
}
