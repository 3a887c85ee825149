package records

import (
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/chronik-go/chronik/actors/transactions/transaction"
)

func ongoing() transaction.Record {
	r := transaction.Record{
		Producer: transaction.Producer{ID: 7, Epoch: 3}, Previous: 7, Next: -1, LastEpoch: -1,
		TimeoutMillis: 60_000, State: transaction.Ongoing, Started: 1000, Updated: 2000,
		ClientVersion: transaction.SecondGeneration,
	}
	r.SetPartitions([]transaction.Place{{Topic: "b", Partition: 1}, {Topic: "a", Partition: 2}, {Topic: "b"}})
	return r
}

// The bytes are what TransactionLogKey 0 and TransactionLogValue 0 and 1 of Kafka 4 demand.
func TestRecordsHaveKafkasFormat(t *testing.T) {
	r := ongoing()
	if got, want := hex.EncodeToString(Record("id", &r, 2).Key), "0000"+"00026964"; got != want {
		t.Errorf("got key %s, want %s", got, want)
	}
	fixed := "0000000000000007" + "0003" + "0000ea60" + "01"
	times := "00000000000007d0" + "00000000000003e8"
	flexible := "0001" + fixed + "03" + "0261" + "02" + "00000002" + "00" +
		"0262" + "03" + "00000000" + "00000001" + "00" + times +
		"02" + "0008" + "0000000000000007" + "0202" + "0002"
	if got := hex.EncodeToString(Record("id", &r, 2).Value); got != flexible {
		t.Errorf("got value %s, want %s", got, flexible)
	}
	plain := "0000" + fixed + "00000002" + "000161" + "00000001" + "00000002" +
		"000162" + "00000002" + "00000000" + "00000001" + times
	if got := hex.EncodeToString(Record("id", &r, 0).Value); got != plain {
		t.Errorf("got value %s, want %s", got, plain)
	}
	if got := Record("id", nil, 2); got.Value != nil {
		t.Errorf("got value %x of an id that is gone", got.Value)
	}
}

func TestEmptyIDsHaveNoPartitionsAndOthersAList(t *testing.T) {
	r := transaction.Record{State: transaction.Empty, Previous: -1, Next: -1}
	if got := hex.EncodeToString(Record("id", &r, 0).Value[17:21]); got != "ffffffff" {
		t.Errorf("got partitions %s of an empty id, want null", got)
	}
	r.State = transaction.CompleteCommit
	if got := hex.EncodeToString(Record("id", &r, 0).Value[17:21]); got != "00000000" {
		t.Errorf("got partitions %s of a completed transaction, want an empty list", got)
	}
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	want := ongoing()
	want.Next = 9
	got, err := Read(Record("id", &want, 2).Value)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if id, is := Key(Record("id", &want, 2).Key); !is || id != "id" {
		t.Errorf("got id %q", id)
	}
	// The first version has neither the ids before and after nor the generation.
	want.Previous, want.Next, want.ClientVersion = -1, -1, 0
	got, err = Read(Record("id", &want, 0).Value)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestWhatIsNotKnownIsLeftAlone(t *testing.T) {
	for _, key := range [][]byte{nil, {0}, {0, 1, 0, 1, 'g'}, {0, 0, 0, 9}} {
		if id, is := Key(key); is {
			t.Errorf("got id %q of % x, want none", id, key)
		}
	}
	r := ongoing()
	value := Record("id", &r, 2).Value
	newer := append([]byte{0, 2}, value[2:]...)
	unknown := append([]byte{}, value...)
	unknown[16] = 99 // the state
	for _, data := range [][]byte{newer, unknown, value[:10], nil} {
		if got, err := Read(data); err == nil {
			t.Errorf("got %+v of % x, want an error", got, data)
		}
	}
}
