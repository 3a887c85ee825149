package coordinators

import "unicode/utf16"

// PartitionOf returns which of so many partitions a key, a group or a transactional id, belongs to, as Kafka
// computes it: the absolute value of Java's hash of the key, in which the smallest integer counts as 0.
func PartitionOf(key string, partitions int32) int32 {
	hash := javaHash(key)
	if hash == -1<<31 {
		return 0
	}
	return max(hash, -hash) % partitions
}

// javaHash is String.hashCode of Java, which goes over UTF-16 units.
func javaHash(text string) int32 {
	var hash int32
	for _, r := range text {
		if r < 0x10000 {
			hash = 31*hash + int32(r)
			continue
		}
		high, low := utf16.EncodeRune(r)
		hash = 31*(31*hash+int32(high)) + int32(low)
	}
	return hash
}
