package features

import "fmt"

// Upgrade is the direction that an update may take.
type Upgrade int8

// The directions of UpdateFeatures (KIP-584, KIP-778). Others are unknown.
const (
	UpgradeOnly     Upgrade = 1
	SafeDowngrade   Upgrade = 2
	UnsafeDowngrade Upgrade = 3
)

// Update asks for another level of a feature.
type Update struct {
	Name    string
	Level   int32
	Upgrade Upgrade
}

// Holder is somebody whose ranges limit what can be finalized.
type Holder struct {
	Name   string // as in a sentence: "Broker 3"
	Ranges Ranges
}

// Check tells in Kafka's words why an update is refused, or "". Levels are those finalized now, proposed
// those after the whole request.
func Check(u Update, levels, proposed map[string]int32, holders []Holder) string {
	invalid := func(reason string) string {
		return fmt.Sprintf("Invalid update version %d for feature %s. %s", u.Level, u.Name, reason)
	}
	current := levels[u.Name]
	switch {
	case u.Upgrade < UpgradeOnly || u.Upgrade > UnsafeDowngrade:
		return invalid("The controller does not support the given upgrade type.")
	case u.Level < 0:
		return invalid("A feature version cannot be less than 0.")
	}
	for _, holder := range holders {
		if reason := holder.lacks(u); reason != "" {
			return invalid(reason)
		}
	}
	switch {
	case u.Level < current && u.Upgrade == UpgradeOnly:
		return invalid("Can't downgrade the version of this feature without setting the " +
			"upgrade type to either safe or unsafe downgrade.")
	case u.Level > current && u.Upgrade != UpgradeOnly:
		return invalid("Can't downgrade to a newer version.")
	case u.Name == MetadataVersion:
		return checkMetadata(u, current)
	}
	if reason := dependencies(u, proposed); reason != "" {
		return invalid(reason)
	}
	return ""
}

func (h Holder) lacks(u Update) string {
	served := h.Ranges[u.Name]
	switch {
	case served.Has(u.Level):
		return ""
	case served.Max == 0:
		return h.Name + " does not support this feature."
	}
	return fmt.Sprintf("%s only supports versions %s", h.Name, served)
}

// changing are the levels of metadata.version that brought new records: what they hold would be lost below.
var changing = map[int32]bool{
	7: true, 8: true, 11: true, 13: true, 14: true, 15: true, 17: true, 23: true, 30: true,
}

func checkMetadata(u Update, current int32) string {
	loses := false
	for level := u.Level + 1; level <= current; level++ {
		loses = loses || changing[level]
	}
	if !loses {
		return ""
	}
	reason := "Refusing to perform the requested downgrade because it might delete metadata information."
	if u.Upgrade == UnsafeDowngrade {
		reason = "Unsafe metadata downgrade is not supported in this version."
	}
	return fmt.Sprintf("Unsupported metadata.version downgrade from %d to %d. %s", current, u.Level, reason)
}

func dependencies(u Update, proposed map[string]int32) string {
	if !Known(u.Name) {
		return fmt.Sprintf("Feature %s not found.", u.Name)
	}
	if u.Level >= 1 && proposed[MetadataVersion] < oldestMetadataVersion {
		return fmt.Sprintf("%s could not be set to %d because it depends on metadata.version=%d (%s)",
			u.Name, u.Level, oldestMetadataVersion, oldestMetadataRelease)
	}
	return ""
}
