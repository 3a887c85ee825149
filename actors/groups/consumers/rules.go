package consumers

import (
	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
)

// rules are those of the newer protocol for one group: the broker's, with what its own configs say in their
// place.
type rules struct {
	settings *modern.Settings // nil: not looked up yet
	version  uint64           // of the image in which they were looked up
}

// modernRules looks up the rules, if the cluster has changed since, and has the group work by them.
func (c *core) modernRules() *modern.Settings {
	image := c.settings.Image()
	if c.rules.settings != nil && c.rules.version == image.Version() {
		return c.rules.settings
	}
	c.rules = rules{&c.settings.Modern, image.Version()}
	session, heartbeat := config.EffectiveGroup(image.GroupConfigs(c.id))
	if session > 0 || heartbeat > 0 {
		own := c.settings.Modern
		if session > 0 {
			own.Session = session
		}
		if heartbeat > 0 {
			own.Heartbeat = heartbeat
		}
		c.rules.settings = &own
	}
	if c.newer.group != nil {
		c.newer.group.Use(c.rules.settings)
	}
	return c.rules.settings
}
