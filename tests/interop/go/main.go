package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"interop/franz"
	"interop/kafkago"
	"interop/record"
	"interop/runner"
	"interop/sarama"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: interop own|cross|dataset [flags]; see doc.go")
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
	case "create":
		run.Create(flags.Args())
	case "lines":
		topic := mustTopic(*topicText)
		if err := record.WriteLines(os.Stdout, topic.From, topic.Count, int32(*partition)); err != nil {
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

func mustTopic(text string) runner.Topic {
	topic, err := runner.ParseTopic(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return topic
}
