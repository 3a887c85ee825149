package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// SameReplicas compares the segments of the replicas of a topic. They may be cut at different offsets.
func (c *Cluster) SameReplicas(of string, partitions []Partition) error {
	for number, partition := range partitions {
		name := fmt.Sprintf("%s-%d", of, number)
		first := ""
		for _, id := range partition.Replicas {
			sum, err := c.Node(id).digest(name)
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

func (n *Node) digest(partition string) (string, error) {
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
		_, err = io.Copy(hash, file)
		if err := errors.Join(err, file.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
