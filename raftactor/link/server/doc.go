// Package server takes what the peers of this node send: the other half of package link.
package server
