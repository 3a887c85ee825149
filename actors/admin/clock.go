package admin

import (
	"net/http"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// ClockJump is what POST /admin/clock takes.
type ClockJump struct {
	Millis int64 `json:"jump_ms"` // below zero: back
}

func jumpClock(clock *kit.SetClock) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var jump ClockJump
		if !read(w, r, &jump) {
			return
		}
		ahead := clock.Jump(time.Duration(jump.Millis) * time.Millisecond)
		writeJSON(w, http.StatusOK, Changed{Success: true, Message: "the clock is " + ahead.String() + " ahead"})
	}
}
