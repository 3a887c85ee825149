//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// jvm is the heap and the collector that Kafka's own start script takes.
var jvm = []string{
	"-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
	"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15",
	"-Djava.awt.headless=true",
}

// cluster is the id that the nodes are formatted with: sixteen bytes in the encoding that Kafka wants.
var cluster = base64.RawURLEncoding.EncodeToString([]byte("chronik-bench-01"))

// makeKafka prepares nodes in combined mode. A second system is the same nodes with topics that are flushed
// with every append, which makes what is acknowledged as durable as the others'.
func makeKafka(ctx context.Context, b *bench, nodes int) ([]*system, error) {
	s := &system{name: "kafka", client: b.programs.load, replicas: nodes}
	free, err := addresses(2 * nodes)
	if err != nil {
		return nil, err
	}
	s.addrs = free[:nodes]
	controllers := free[nodes:]
	voters := make([]string, nodes)
	for i, address := range controllers {
		voters[i] = fmt.Sprintf("%d@%s", i+1, address)
	}
	for i := range nodes {
		dir, err := b.folder(s.name)
		if err != nil {
			return nil, err
		}
		settings := []string{
			"process.roles=broker,controller",
			fmt.Sprint("node.id=", i+1),
			"controller.quorum.voters=" + strings.Join(voters, ","),
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s", s.addrs[i], controllers[i]),
			"advertised.listeners=PLAINTEXT://" + s.addrs[i],
			"controller.listener.names=CONTROLLER",
			"inter.broker.listener.name=PLAINTEXT",
			"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
			"log.dirs=" + filepath.Join(dir, "data"),
			fmt.Sprint("offsets.topic.replication.factor=", nodes),
			fmt.Sprint("transaction.state.log.replication.factor=", nodes),
			fmt.Sprint("transaction.state.log.min.isr=", min(nodes, 2)),
		}
		path := filepath.Join(dir, "server.properties")
		if err := os.WriteFile(path, []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
			return nil, err
		}
		if err := b.java(ctx, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", path); err != nil {
			return nil, err
		}
		logging := "-Dlog4j2.configurationFile=" + filepath.Join(b.kafka.dir, "log4j2.properties")
		s.nodes = append(s.nodes, &process{
			program: "java", log: filepath.Join(dir, "log"),
			args: append(jvm[:len(jvm):len(jvm)], logging, "-cp", b.kafka.classpath, "kafka.Kafka", path),
		})
	}
	flush := *s
	flush.name, flush.configs = "kafka-flush", map[string]string{"flush.messages": "1"}
	return []*system{s, &flush}, nil
}

// java runs one of Kafka's tools.
func (b *bench) java(ctx context.Context, class string, args ...string) error {
	command := exec.CommandContext(ctx, "java",
		append([]string{"-XX:TieredStopAtLevel=1", "-cp", b.kafka.classpath, class}, args...)...)
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", class, args, err, text)
	}
	return nil
}

// kafkaFiles are what Maven resolved.
type kafkaFiles struct{ dir, classpath, version string }

// resolveKafka has Maven fetch what the pom beside this package's folder pins.
func resolveKafka(ctx context.Context, dir string) (kafkaFiles, error) {
	folder, err := filepath.Abs("tests/bench/kafka")
	if err != nil {
		return kafkaFiles{}, err
	}
	output := filepath.Join(dir, "classpath")
	command := exec.CommandContext(ctx, "mvn", "-q", "-B", "-Dstyle.color=never",
		"-f", filepath.Join(folder, "pom.xml"), "dependency:build-classpath", "-Dmdep.outputFile="+output)
	if text, err := command.CombinedOutput(); err != nil {
		return kafkaFiles{}, fmt.Errorf("mvn: %w\n%s", err, text)
	}
	text, err := os.ReadFile(output)
	if err != nil {
		return kafkaFiles{}, err
	}
	files := kafkaFiles{dir: folder, classpath: string(bytes.TrimSpace(text))}
	for _, jar := range strings.Split(files.classpath, ":") {
		if name, is := strings.CutPrefix(filepath.Base(jar), "kafka_2.13-"); is {
			files.version = strings.TrimSuffix(name, ".jar")
		}
	}
	return files, nil
}
