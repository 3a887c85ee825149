package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

func initProducer(version int16) *kmsg.InitProducerIDRequest {
	r := kmsg.NewPtrInitProducerIDRequest()
	r.Version, r.TransactionTimeoutMillis = version, 1000
	return r
}

func TestProducersGetFreshIDs(t *testing.T) {
	versions(t, kmsg.InitProducerID, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		first := ask[*kmsg.InitProducerIDResponse](c.host, initProducer(version))
		again := initProducer(version)
		if version >= 3 {
			again.ProducerID, again.ProducerEpoch = first.ProducerID, first.ProducerEpoch
		}
		second := ask[*kmsg.InitProducerIDResponse](c.host, again)
		if first.ErrorCode != 0 || second.ErrorCode != 0 || first.ProducerID == second.ProducerID ||
			second.ProducerEpoch != 0 {
			t.Errorf("got %+v, %+v", first, second)
		}
	})
}

func TestTransactionalProducersAskTheirCoordinator(t *testing.T) {
	versions(t, kmsg.InitProducerID, func(t *testing.T, version int16) {
		h := newHost(t)
		k := keepIDs(h)
		r := initProducer(version)
		r.TransactionalID = kmsg.StringPtr("")
		wantCode(t, "empty id", ask[*kmsg.InitProducerIDResponse](h, r).ErrorCode, protocol.InvalidRequest)

		*r.TransactionalID = "id"
		if version >= 3 {
			r.ProducerID, r.ProducerEpoch = 7, 2
		}
		k.answers = []coordinators.Answered{{Result: transaction.Producer{ID: 7, Epoch: 3}}}
		answer := ask[*kmsg.InitProducerIDResponse](h, r)
		if answer.ErrorCode != 0 || answer.ProducerID != 7 || answer.ProducerEpoch != 3 {
			t.Errorf("got %+v", answer)
		}
		asked := k.asked[0].Body.(transaction.Init)
		if k.asked[0].ID != "id" || asked.TimeoutMillis != 1000 || (asked.Expected != nil) != (version >= 3) {
			t.Errorf("got question %+v", k.asked[0])
		}

		want := protocol.ProducerFenced
		if version < 4 {
			want = protocol.InvalidProducerEpoch
		}
		k.answers = []coordinators.Answered{{Code: protocol.ProducerFenced}}
		answer = ask[*kmsg.InitProducerIDResponse](h, r)
		wantCode(t, "fenced", answer.ErrorCode, want)
		if answer.ProducerID != -1 || answer.ProducerEpoch != -1 {
			t.Errorf("got %+v", answer)
		}
		wantCode(t, "no answer", ask[*kmsg.InitProducerIDResponse](h, r).ErrorCode, protocol.CoordinatorNotAvailable)
	})
}

func TestHalfAProducerIDIsMalformed(t *testing.T) {
	for version := int16(3); version <= 5; version++ {
		c := newCluster(t, nil)
		for _, one := range []struct {
			id    int64
			epoch int16
		}{{5, -1}, {-1, 5}} {
			r := initProducer(version)
			r.ProducerID, r.ProducerEpoch = one.id, one.epoch
			wantCode(t, "half", ask[*kmsg.InitProducerIDResponse](c.host, r).ErrorCode, protocol.InvalidRequest)
		}
	}
}

func TestProducersAskAgainWhenThereIsNoID(t *testing.T) {
	c := newCluster(t, nil)
	c.silentLog = true
	answer := ask[*kmsg.InitProducerIDResponse](c.host, initProducer(4))
	wantCode(t, "no answer in time", answer.ErrorCode, protocol.CoordinatorLoadInProgress)
	c.silentLog, c.failIDs = false, true
	answer = ask[*kmsg.InitProducerIDResponse](c.host, initProducer(4))
	wantCode(t, "no block", answer.ErrorCode, protocol.CoordinatorLoadInProgress)
}
