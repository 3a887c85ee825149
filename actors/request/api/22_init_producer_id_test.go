package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

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

func TestTransactionalProducersAreRefused(t *testing.T) {
	versions(t, kmsg.InitProducerID, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		for id, code := range map[string]protocol.Code{"": protocol.InvalidRequest, "t": protocol.CoordinatorNotAvailable} {
			r := initProducer(version)
			r.TransactionalID = &id
			answer := ask[*kmsg.InitProducerIDResponse](c.host, r)
			wantCode(t, "transactional id "+id, answer.ErrorCode, code)
			if answer.ProducerID != -1 || answer.ProducerEpoch != -1 {
				t.Errorf("got %+v", answer)
			}
		}
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
