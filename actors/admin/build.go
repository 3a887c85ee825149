package admin

import (
	"fmt"
	"runtime/debug"
)

// Build is what the running binary was made from.
type Build struct {
	Version  string `json:"version"`  // of the module, "(devel)" for a build out of a work tree
	Revision string `json:"revision"` // of the source, empty if the build did not record it
	Modified bool   `json:"modified"` // the source had changes that the revision lacks
	Go       string `json:"go"`       // the tool chain
}

// ReadBuild returns what the tool chain recorded in the binary.
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Version: "unknown"}
	}
	build := Build{Version: info.Main.Version, Go: info.GoVersion}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			build.Revision = setting.Value
		case "vcs.modified":
			build.Modified = setting.Value == "true"
		}
	}
	return build
}

// String is one line for people.
func (b Build) String() string {
	text := fmt.Sprintf("chronik-server %s, %s", b.Version, b.Go)
	if b.Revision != "" {
		text += ", revision " + b.Revision
	}
	if b.Modified {
		text += " with changes"
	}
	return text
}
