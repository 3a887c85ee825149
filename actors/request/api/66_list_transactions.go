package api

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// ListTransactions, versions 0-2
//
//	1    a filter of how long transactions run (KIP-994)
//	2    a pattern of transactional ids, in RE2 (KIP-1152)
//
// Each broker lists the ids that it coordinates.

// maxPattern bounds the pattern of a client.
const maxPattern = 4096

// listTransactionsNow refuses a pattern that is none.
func listTransactionsNow(_ *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	if _, err := idPattern(r.Body.(*kmsg.ListTransactionsRequest)); err != nil {
		response := kmsg.NewPtrListTransactionsResponse()
		response.ErrorCode = int16(protocol.InvalidRegularExpression)
		return response
	}
	return nil
}

// idPattern returns the pattern of a request, which has to match a whole id; nil if there is none.
func idPattern(body *kmsg.ListTransactionsRequest) (*regexp.Regexp, error) {
	if body.TransactionalIDPattern == nil || *body.TransactionalIDPattern == "" {
		return nil, nil
	}
	if len(*body.TransactionalIDPattern) > maxPattern {
		return nil, protocol.Errorf(protocol.InvalidRegularExpression, "pattern is longer than %d", maxPattern)
	}
	return regexp.Compile(`\A(?:` + *body.TransactionalIDPattern + `)\z`)
}

func listTransactions(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.ListTransactionsRequest)
	l := &idList{env: env, code: protocol.CoordinatorNotAvailable}
	var states []transaction.State
	for _, name := range body.StateFilters {
		if state, known := transaction.StateOf(name); known {
			states = append(states, state)
		} else {
			l.unknown = append(l.unknown, name)
		}
	}
	pattern, _ := idPattern(body) // it was checked
	now := env.Now().UnixMilli()
	l.keep = func(s *coordinator.Summary) bool {
		switch {
		case len(body.StateFilters) > 0 && !slices.Contains(states, s.State):
		case len(body.ProducerIDFilters) > 0 && !slices.Contains(body.ProducerIDFilters, s.ProducerID):
		case body.DurationFilterMillis >= 0 && now-s.Started <= body.DurationFilterMillis:
		case pattern != nil && !pattern.MatchString(s.ID):
		default:
			return true
		}
		return false
	}
	return l
}

// idList is the task of a ListTransactions request.
//
//	asking the manager       who the coordinators are
//	asking the coordinators  what ids they have
//	done
type idList struct {
	env     *request.Env
	keep    func(*coordinator.Summary) bool
	unknown []string // filters that are no states
	code    protocol.Code
	ids     []coordinator.Summary
	missing int // coordinators that have not answered
}

// Start implements call.Task.
func (l *idList) Start(q *call.Questions) {
	q.Ask(l.env.Transactions, func(replyTo kit.Address, token uint64) any {
		return coordinators.List{ReplyTo: replyTo, Token: token}
	})
}

// Answer implements call.Task.
func (l *idList) Answer(q *call.Questions, reply any) {
	switch m := reply.(type) {
	case coordinators.Listed:
		if m.Err != nil {
			return
		}
		l.code, l.missing = protocol.None, len(m.Coordinators)
		for _, one := range m.Coordinators {
			q.Ask(one, func(replyTo kit.Address, token uint64) any {
				return coordinator.List{Keep: l.keep, ReplyTo: replyTo, Token: token}
			})
		}
	case coordinator.Listed:
		l.missing--
		l.ids = append(l.ids, m.IDs...)
		if m.Code != protocol.None {
			l.code = m.Code
		}
	}
}

// Response implements call.Task.
func (l *idList) Response() kmsg.Response {
	response := kmsg.NewPtrListTransactionsResponse()
	response.UnknownStateFilters = l.unknown
	if response.ErrorCode = int16(l.code); l.missing > 0 {
		response.ErrorCode = int16(protocol.CoordinatorNotAvailable)
	}
	if response.ErrorCode != 0 {
		return response
	}
	slices.SortFunc(l.ids, func(a, b coordinator.Summary) int { return strings.Compare(a.ID, b.ID) })
	for i := range l.ids {
		one := kmsg.NewListTransactionsResponseTransactionState()
		one.TransactionalID, one.ProducerID = l.ids[i].ID, l.ids[i].ProducerID
		one.TransactionState = l.ids[i].State.String()
		response.TransactionStates = append(response.TransactionStates, one)
	}
	return response
}

// Deadline implements call.Task.
func (l *idList) Deadline() time.Duration { return l.env.Settings.RequestTimeout }
