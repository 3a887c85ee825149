package coordinators

import "testing"

// The numbers are those of Java's Utils.abs(id.hashCode()) % 50.
func TestKeysHaveThePartitionThatKafkaGivesThem(t *testing.T) {
	for group, want := range map[string]int32{
		"":                   0,
		"g":                  103 % 50,
		"ab":                 (97*31 + 98) % 50,
		"polygenelubricants": 0, // whose hash is the smallest integer
	} {
		if got := PartitionOf(group, 50); got != want {
			t.Errorf("got %d for %q, want %d", got, group, want)
		}
	}
	// String.hashCode of "\uD83D\uDE00" is 31 * 0xD83D + 0xDE00.
	if got, want := PartitionOf("\U0001F600", 50), int32((31*0xD83D+0xDE00)%50); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
