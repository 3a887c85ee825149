// Package config holds every setting of a node: one Go struct whose field tags carry the key in the file,
// the default, the names in the environment, the flag and the help text. The README's reference table is
// printed from it and compared with it by a test.
//
// A value is taken from, in rising precedence: its default, the TOML file, the environment, the command
// line. All three outer sources go through one setter, so a size or a duration is written the same way
// everywhere. An unknown key is an error that names the nearest known key and the line; so is a value that
// does not parse. Validation collects all problems, so that a file is mended in one go.
//
// It refuses to be a place for topic configs (those live in the metadata log, and the settings here are
// only their defaults), to read files or the environment itself (the program hands it bytes and strings),
// and to change while the node runs.
//
// It is pure and imports nothing of ours; cmd, actors/broker and tests may import it.
package config
