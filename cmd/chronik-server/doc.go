// Command chronik-server runs one node of Chronik.
//
//	chronik-server [-d DIR] [-l LEVEL] start [-c FILE] [--bind ADDR] [--advertise HOST[:PORT]] [--node-id N]
//	chronik-server cluster status [-c FILE] [--wait TIME]
//	chronik-server cluster add-node N --kafka ADDR --raft ADDR [--wal ADDR] [-c FILE]
//	chronik-server cluster remove-node N [--force] [--within TIME] [-c FILE]
//	chronik-server cluster rebalance [--within TIME] [-c FILE]
//	chronik-server tree [-c FILE] [--watch] [--every TIME] [--all]
//	chronik-server fault add PATH [--message TYPE] [--nth N] [--point POINT] [--do panic|stall|drop]
//	chronik-server fault list|clear [-c FILE]
//	chronik-server version
//
// It reads the command line, hands environment, file and flags to actors/config, starts the broker, and
// turns signals into an orderly stop. It holds no rule about records, topics or connections: those are the
// broker's, which a test or another program starts without this command. The cluster, tree and fault
// commands ask the HTTP listener of the node whose configuration they are given, and know nothing that it
// does not tell.
//
// Exit status: 0 after an orderly stop or when all is well; 1 when the node could not start, had to stop or
// was told twice to stop, or when a cluster command failed or found something wrong; 2 for a wrong command
// line or configuration.
package main
