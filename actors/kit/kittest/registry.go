package kittest

import cmap "github.com/orcaman/concurrent-map"

// init makes the registries of actor systems small. Each has 1,024 maps, and protoactor has each of them
// split into 32 more: 2.7 MiB and a good part of the time of a simulation, which makes a system for each
// start of a node. It has to happen before the first system is made, for all of them.
func init() { cmap.SHARD_COUNT = 1 }
