package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Separator stands between key and value in a line; neither holds it.
const Separator = "\t"

// Line returns record i as a tool that sends lines can make it: sizes and partition of Make, the value cut
// from the text, empty keys and values null, two fixed headers, no timestamp of its own.
func Line(i uint32) Record {
	r := Record{Partition: Make(i).Partition, Headers: []Header{{Name: "h0", Value: []byte("a")}, {Name: "h1", Value: []byte("b")}}}
	if size := valueSize(i); size > 0 {
		from := field(i, 2) % unitBytes
		r.Value = text[from : from+uint32(size)]
	}
	if field(i, 4)%100 >= 15 {
		r.Key = []byte("key-" + strconv.Itoa(int(field(i, 5)%10_000)))
	}
	return r
}

// WriteLines writes the lines of one partition.
func WriteLines(w io.Writer, from, count uint32, partition int32) error {
	buffered := bufio.NewWriter(w)
	for i := from; i < from+count; i++ {
		if r := Line(i); r.Partition == partition {
			buffered.Write(r.Key) // errors stay with the writer until Flush
			buffered.WriteString(Separator)
			buffered.Write(r.Value)
			buffered.WriteByte('\n')
		}
	}
	return buffered.Flush()
}

// KcatFormat is the output format of kcat that ReadKcat reads: partition, offset, timestamp, sizes with -1
// for null, then the bytes and the headers.
var KcatFormat = strings.Join([]string{"%p %o %T %K %S", "%k%s", "%h", ""}, `\n`)

// ReadKcat digests what kcat printed.
func ReadKcat(r io.Reader, d *Digest, withTimestamps bool) error {
	reader := bufio.NewReaderSize(r, 1<<20)
	for {
		head, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) && head == "" {
			return nil
		}
		var made Record
		var offset, keySize, valueSize int64
		if _, err := fmt.Sscanf(head, "%d %d %d %d %d", &made.Partition, &offset, &made.Timestamp, &keySize, &valueSize); err != nil {
			return fmt.Errorf("%q: %w", head, err)
		}
		if !withTimestamps {
			made.Timestamp = 0
		}
		if made.Key, err = exactly(reader, keySize); err != nil {
			return err
		}
		if made.Value, err = exactly(reader, valueSize); err != nil {
			return err
		}
		if _, err := reader.Discard(1); err != nil {
			return err
		}
		headers, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		made.Headers = parseHeaders(strings.TrimSuffix(headers, "\n"))
		d.Add(made, offset)
	}
}

func exactly(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return nil, nil
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

// parseHeaders reads "h0=ab,h1=NULL".
func parseHeaders(text string) []Header {
	var headers []Header
	if text == "" {
		return nil
	}
	for part := range bytes.SplitSeq([]byte(text), []byte{','}) {
		name, value, _ := bytes.Cut(part, []byte{'='})
		header := Header{Name: string(name), Value: value}
		if string(value) == "NULL" {
			header.Value = nil
		}
		headers = append(headers, header)
	}
	return headers
}
