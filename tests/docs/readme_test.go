package docs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/protocol"
)

var update = flag.Bool("update", false, "write the generated parts of the README")

const readme = "../../README.md"

func TestTheAPITableIsWhatIsServed(t *testing.T) { compare(t, "apis", apis()) }

func TestTheConfigurationReferenceIsComplete(t *testing.T) {
	compare(t, "settings", config.Reference())
}

// kafkaNames turns kmsg's names into Kafka's where they differ.
var kafkaNames = strings.NewReplacer("ID", "Id", "AlterPartitionAssignments", "AlterPartitionReassignments")

func apis() string {
	var b strings.Builder
	b.WriteString("| key | API | versions |\n| --- | --- | --- |\n")
	for _, served := range protocol.Versions() {
		versions := fmt.Sprintf("%d-%d", served.Min, served.Max)
		if served.Min == served.Max {
			versions = fmt.Sprint(served.Min)
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", served.Key, kafkaNames.Replace(kmsg.NameForKey(served.Key)), versions)
	}
	return b.String()
}

// compare checks the part of the README between the markers "<!-- name -->" and "<!-- /name -->".
func compare(t *testing.T, name, want string) {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), "<!-- "+name+" -->\n")
	got, after, closed := strings.Cut(rest, "<!-- /"+name+" -->\n")
	if !found || !closed {
		t.Fatalf("the README lacks the markers of %s", name)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the README's %s are not what the code says; run go test ./tests/docs -update\n%s", name, want)
	}
	made := before + "<!-- " + name + " -->\n" + want + "<!-- /" + name + " -->\n" + after
	if err := os.WriteFile(readme, []byte(made), 0o644); err != nil {
		t.Fatal(err)
	}
}
