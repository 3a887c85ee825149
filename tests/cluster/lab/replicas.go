package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// SameReplicas compares the segments of the replicas of a topic, as far as they belong to their logs. They
// may be cut at different offsets.
func (c *Cluster) SameReplicas(ctx context.Context, of string, partitions []Partition) error {
	sizes := map[int32]map[int32]int64{}
	for _, n := range c.Running() {
		known, err := n.Sizes(ctx, of)
		if err != nil {
			return err
		}
		sizes[n.ID] = known
	}
	for number, partition := range partitions {
		name := fmt.Sprintf("%s-%d", of, number)
		first := ""
		for _, id := range partition.Replicas {
			sum, err := c.Node(id).digest(name, sizes[id][int32(number)])
			if err != nil {
				return err
			}
			if first == "" {
				first = sum
			}
			if sum != first {
				return fmt.Errorf("%s: node %d holds other bytes than node %d", name, id, partition.Replicas[0])
			}
		}
	}
	return nil
}

// digest sums the first bytes of a partition.
func (n *Node) digest(partition string, size int64) (string, error) {
	files, err := n.Segments(partition)
	if err != nil || len(files) == 0 {
		return "", errors.Join(fmt.Errorf("node %d has no segment of %s", n.ID, partition), err)
	}
	hash := sha256.New()
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		read, err := io.Copy(hash, io.LimitReader(file, size))
		if err := errors.Join(err, file.Close()); err != nil {
			return "", err
		}
		size -= read
	}
	if size > 0 {
		return "", fmt.Errorf("node %d lacks %d bytes of %s on disk", n.ID, size, partition)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
