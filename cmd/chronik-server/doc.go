// Command chronik-server runs one node of Chronik.
//
//	chronik-server [-d DIR] [-l LEVEL] start [-c FILE] [--bind ADDR] [--advertise HOST[:PORT]] [--node-id N]
//	chronik-server version
//
// It reads the command line, hands environment, file and flags to actors/config, starts the broker, and
// turns signals into an orderly stop. It holds no rule about records, topics or connections: those are the
// broker's, which a test or another program starts without this command.
//
// Exit status: 0 after an orderly stop, 1 when the node could not start, had to stop or was told twice to
// stop, 2 for a wrong command line or configuration.
package main
