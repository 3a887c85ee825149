package api

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// alteration is one resource of AlterConfigs or IncrementalAlterConfigs.
type alteration struct {
	kind    kmsg.ConfigResourceType
	name    string
	changes []controller.Change
	nulls   []string // configs that are set to null
}

// resourceKey is what makes two resources the same.
type resourceKey struct {
	kind kmsg.ConfigResourceType
	name string
}

// planAlterations turns resources into the items of a task, in their order. replace resets what is not
// mentioned.
func planAlterations(env *request.Env, all []alteration, replace, validateOnly bool) []change {
	keys := make([]resourceKey, len(all))
	for i := range all {
		keys[i] = resourceKey{all[i].kind, all[i].name}
	}
	twice := repeated(keys)
	items := make([]change, len(all))
	for i := range all {
		switch {
		case len(all) > maxChanges:
			items[i] = change{err: tooMany, done: true}
		case twice[keys[i]]:
			items[i] = refusal("", protocol.InvalidRequest, "Each resource must appear at most once.")
		default:
			items[i] = planAlteration(env, &all[i], replace, validateOnly)
		}
	}
	return items
}

func planAlteration(env *request.Env, a *alteration, replace, validateOnly bool) change {
	if problem := a.malformed(); problem != "" {
		return refusal("", protocol.InvalidRequest, problem)
	}
	r := controller.AlterConfig{Changes: a.changes, Replace: replace, ValidateOnly: validateOnly}
	switch a.kind {
	case kmsg.ConfigResourceTypeTopic:
		if a.name == "" {
			return refusal("", protocol.InvalidRequest, "Default topic resources are not allowed.")
		}
		r.Topic = a.name
	case kmsg.ConfigResourceTypeGroupConfig:
		if a.name == "" {
			return refusal("", protocol.InvalidRequest, "Default group resources are not allowed.")
		}
		r.Group = a.name
	case kmsg.ConfigResourceTypeBroker:
		broker, everyone, err := config.ParseBroker(a.name)
		if err == nil && !everyone && broker != env.NodeID {
			err = protocol.Errorf(protocol.InvalidRequest, "Unexpected broker id, expected %d, but received %s",
				env.NodeID, a.name)
		}
		if err != nil {
			return change{err: err, done: true}
		}
		r.Broker, r.AllBrokers = broker, everyone
	default:
		return refusal("", protocol.InvalidRequest, protocol.Errorf(protocol.InvalidRequest,
			"Unknown resource type %d", int8(a.kind)).Message)
	}
	return change{request: r}
}

// malformed returns why the resource cannot be what the client means, in Kafka's words, or "".
func (a *alteration) malformed() string {
	names := make([]string, len(a.changes))
	for i, one := range a.changes {
		names[i] = one.Name
	}
	if len(repeated(names)) > 0 {
		return "Error due to duplicate config keys"
	}
	if len(a.nulls) > 0 {
		return "Null value not supported for : " + strings.Join(a.nulls, ", ")
	}
	return ""
}

// set adds one operation. A null value stands for DELETE only.
func (a *alteration) set(name string, operation controller.Operation, value *string) {
	one := controller.Change{Name: name, Operation: operation}
	if value != nil {
		one.Value = *value
	} else if operation != controller.Delete {
		a.nulls = append(a.nulls, name)
	}
	a.changes = append(a.changes, one)
}
