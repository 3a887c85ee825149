package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"interop/franz"
	"interop/groups"
	"interop/kafkago"
	"interop/member"
	"interop/record"
	"interop/runner"
	"interop/sarama"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: interop own|cross|transactions|dataset [flags]; see doc.go")
		os.Exit(2)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	name := flags.String("client", "franz", "franz, sarama or kafkago")
	bootstrap := flags.String("bootstrap", "127.0.0.1:9092", "brokers, separated by commas")
	records := flags.Uint("records", 100_000, "records of an own run")
	digests := flags.String("digests", "", "digests.txt")
	fold := flags.Bool("fold", false, "cross: take empty for null, for topics of clients that cannot send both")
	bytes := flags.Int64("bytes", 100<<20, "dataset: least size")
	topicText := flags.String("topic", "", "lines and kcat: NAME,FROM,COUNT")
	partition := flags.Int("partition", 0, "lines: the partition")
	asLines := flags.Bool("lines", false, "kcat: the topic was filled with lines")
	protocol := flags.String("protocol", "classic", "groups: classic or consumer")
	replicas := flags.Int("replicas", 1, "groups: copies of the topic")
	lags := flags.String("lags", "", "groups: file for what is left to read at the end")
	kafkatop := flags.String("kafkatop", "", "lag: kafkatop's program")
	_ = flags.Parse(os.Args[2:]) // ExitOnError
	seeds := strings.Split(*bootstrap, ",")
	clients := map[string]runner.Client{
		"franz": &franz.Client{Seeds: seeds}, "sarama": &sarama.Client{Seeds: seeds}, "kafkago": &kafkago.Client{Seeds: seeds},
	}
	run := &runner.Run{Name: *name, Fold: *fold, Client: clients[*name]}
	switch os.Args[1] {
	case "own":
		run.SelfTest(*digests)
		run.Own(uint32(*records))
	case "cross":
		for _, argument := range flags.Args() {
			run.Verify(mustTopic(argument))
		}
	case "dataset":
		run.Dataset(seeds, *bytes)
	case "transactions":
		run.Transactions(seeds)
	case "create":
		run.Create(flags.Args())
	case "lines":
		topic := mustTopic(*topicText)
		if err := record.WriteLines(os.Stdout, topic.From, topic.Count, int32(*partition)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case "host":
		if err := host(*name, flags.Args()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case "groups":
		run.Check("groups, "+*protocol, rebalance(seeds, *name, *protocol, *replicas, *lags, flags.Args()))
	case "lag":
		run.Name = "lag"
		want, err := groups.ReadLags(strings.Split(*lags, ","))
		if run.Check("what groups have left", err) {
			run.Check("kafka-consumer-groups", groups.OfficialLag(flags.Args(), *bootstrap, want))
			run.Check("kafkatop", groups.KafkatopLag(*kafkatop, *bootstrap, want))
		}
	case "ports":
		if err := ports(flags.Args()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case "format":
		fmt.Println(record.KcatFormat)
		return
	case "kcat":
		run.Name = "kcat"
		run.VerifyKcat(mustTopic(*topicText), os.Stdin, *asLines)
	}
	os.Exit(run.Finish())
}

// rebalance runs one group whose hosts are started by a command, or by this program.
func rebalance(seeds []string, client, protocol string, replicas int, file string, command []string) error {
	if len(command) == 0 {
		command = []string{os.Args[0], "host", "-client", client}
	}
	name := "interop-groups-" + client + "-" + protocol
	lags, err := groups.Run(groups.Options{
		Seeds: seeds, Protocol: protocol, Topic: name, Group: name, Replicas: replicas, Host: command,
	})
	if err != nil || file == "" {
		return err
	}
	return groups.WriteLags(file, lags)
}

// host runs group members; its arguments are those of the hosts in other languages.
func host(client string, arguments []string) error {
	if len(arguments) != 5 {
		return fmt.Errorf("want BOOTSTRAP TOPIC GROUP PROTOCOL SESSION_MILLISECONDS, got %q", arguments)
	}
	session, err := strconv.Atoi(arguments[4])
	if err != nil {
		return err
	}
	join := map[string]member.Join{"franz": franz.Member, "sarama": sarama.Member}[client]
	member.Host(join, member.Settings{
		Seeds: strings.Split(arguments[0], ","), Topic: arguments[1], Group: arguments[2], Protocol: arguments[3],
		Session: time.Duration(session) * time.Millisecond,
	})
	return nil
}

// ports prints so many ports of the loopback interface that were free a moment ago.
func ports(arguments []string) error {
	count, err := strconv.Atoi(strings.Join(arguments, ""))
	if err != nil {
		return err
	}
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close() // after the last: no port is given out twice
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	}
	return nil
}

func mustTopic(text string) runner.Topic {
	topic, err := runner.ParseTopic(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return topic
}
