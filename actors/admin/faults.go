package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Fault is what POST /admin/faults takes: kit.Fault in JSON.
type Fault struct {
	Path      string `json:"path"`
	Message   string `json:"message,omitempty"`
	Nth       int    `json:"nth,omitempty"`
	OneIn     int    `json:"one_in,omitempty"`
	Seed      uint64 `json:"seed,omitempty"`
	Times     int    `json:"times,omitempty"`
	Point     string `json:"point,omitempty"`
	Step      int    `json:"step,omitempty"`
	Do        string `json:"do,omitempty"`
	ForMillis int64  `json:"for_ms,omitempty"`
}

// ArmedFault is one of those that GET /admin/faults lists.
type ArmedFault struct {
	ID uint64 `json:"id"`
	Fault
	Seen    int `json:"seen"` // messages that matched
	Strikes int `json:"strikes"`
}

func addFault(faults *kit.Faults) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		if !read(w, r, &f) {
			return
		}
		id, err := faults.Add(kit.Fault{
			Path: f.Path, Message: f.Message, Nth: f.Nth, OneIn: f.OneIn, Seed: f.Seed, Times: f.Times,
			Point: kit.Point(f.Point), Step: f.Step, Do: kit.Effect(f.Do),
			For: time.Duration(f.ForMillis) * time.Millisecond,
		})
		if err != nil {
			writeJSON(w, http.StatusBadRequest, Changed{Message: err.Error()})
			return
		}
		number := strconv.FormatUint(id, 10)
		writeJSON(w, http.StatusOK, Changed{Success: true, Message: "fault " + number + " is armed"})
	}
}

func listFaults(faults *kit.Faults) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		list := []ArmedFault{}
		for _, one := range faults.List() {
			f := one.Fault
			list = append(list, ArmedFault{
				ID: one.ID, Seen: one.Seen, Strikes: one.Strikes, Fault: Fault{
					Path: f.Path, Message: f.Message, Nth: f.Nth, OneIn: f.OneIn, Seed: f.Seed, Times: f.Times,
					Point: string(f.Point), Step: f.Step, Do: string(f.Do), ForMillis: f.For.Milliseconds(),
				},
			})
		}
		writeJSON(w, http.StatusOK, list)
	}
}

func clearFaults(faults *kit.Faults) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		faults.Clear()
		writeJSON(w, http.StatusOK, Changed{Success: true, Message: "no fault is armed"})
	}
}
