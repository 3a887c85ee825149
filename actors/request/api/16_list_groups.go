package api

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/coordinator"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// ListGroups, versions 0-5
//
//	3    flexible
//	4    a filter of states, the state (KIP-518)
//	5    a filter of types, the type (KIP-848)
//
// Each broker lists the groups that it coordinates.

func listGroups(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.ListGroupsRequest)
	return &groupList{env: env, request: body, code: protocol.CoordinatorNotAvailable}
}

// groupList is the task of a ListGroups request.
//
//	asking the manager       who the coordinators are
//	asking the coordinators  what groups they have
//	done
type groupList struct {
	env     *request.Env
	request *kmsg.ListGroupsRequest
	code    protocol.Code
	groups  []*consumers.Summary
	missing int // coordinators that have not answered
}

// Start implements call.Task.
func (l *groupList) Start(q *call.Questions) {
	q.Ask(l.env.Groups, func(replyTo kit.Address, token uint64) any {
		return coordinators.List{ReplyTo: replyTo, Token: token}
	})
}

// Answer implements call.Task.
func (l *groupList) Answer(q *call.Questions, reply any) {
	switch m := reply.(type) {
	case coordinators.Listed:
		if m.Err != nil {
			return
		}
		l.code, l.missing = protocol.None, len(m.Coordinators)
		for _, one := range m.Coordinators {
			q.Ask(one, func(replyTo kit.Address, token uint64) any {
				return coordinator.List{ReplyTo: replyTo, Token: token}
			})
		}
	case coordinator.Listed:
		l.missing--
		l.groups = append(l.groups, m.Groups...)
		if m.Code != protocol.None {
			l.code = m.Code
		}
	}
}

// Response implements call.Task.
func (l *groupList) Response() kmsg.Response {
	response := kmsg.NewPtrListGroupsResponse()
	if response.ErrorCode = int16(l.code); l.missing > 0 {
		response.ErrorCode = int16(protocol.CoordinatorNotAvailable)
	}
	if response.ErrorCode != 0 {
		return response
	}
	slices.SortFunc(l.groups, func(a, b *consumers.Summary) int { return strings.Compare(a.Group, b.Group) })
	for _, summary := range l.groups {
		if !passes(l.request.StatesFilter, summary.State) || !passes(l.request.TypesFilter, summary.Type) {
			continue
		}
		one := kmsg.NewListGroupsResponseGroup()
		one.Group, one.ProtocolType = summary.Group, summary.ProtocolType
		one.GroupState, one.GroupType = summary.State, summary.Type
		response.Groups = append(response.Groups, one)
	}
	return response
}

// passes tells whether a filter lets a word through; an empty one lets all through.
func passes(filter []string, word string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(one string) bool {
		return strings.EqualFold(one, word)
	})
}

// Deadline implements call.Task.
func (l *groupList) Deadline() time.Duration { return l.env.Settings.RequestTimeout }
