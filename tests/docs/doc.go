// Package docs compares the README with the code that it describes: the table of Kafka APIs with the version
// table of protocol, and the reference of settings with actors/config. The tables stand between marker lines;
// go test ./tests/docs -update writes them.
package docs
