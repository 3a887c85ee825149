package partition

import (
	"fmt"

	"github.com/chronik-go/chronik/actors/kit/planted"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Machine applies committed entries to the log of one replica. It belongs to the applier's turn.
type Machine struct {
	replica *Replica
	log     *partitionlog.Log
	config  *Config // what the log is configured with
	run     []batch.Batch
}

var _ applier.Machine = (*Machine)(nil)

// OpenMachine opens the log of a replica at the state of its last checkpoint and publishes its view.
// rebuild says that this process wrote the files itself and readers may be looking at them.
func OpenMachine(replica *Replica, options *Options, state []byte, rebuild bool) (*Machine, error) {
	config := replica.Config()
	// The host of the groups knows what it has opened itself; a host that was rebuilt does not know it of the
	// one before.
	rebuild = rebuild || replica.Log() != nil
	how := partitionlog.Boot
	if rebuild {
		how = partitionlog.Rebuild
	}
	if state == nil && !rebuild {
		if err := options.clearPredecessor(replica); err != nil {
			return nil, fmt.Errorf("make room for %s: %w", replica.Name(), err)
		}
	}
	log, err := partitionlog.Open(options.FS, replica.Dir, options.logConfig(replica, config), state, how)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", replica.Name(), err)
	}
	if rebuild {
		replica.unlead()
	}
	replica.publishLog(log)
	return &Machine{replica: replica, log: log, config: config}, nil
}

// Apply implements applier.Machine. Neighbouring batches become one write; the result of a batch is an
// Appended or an EndedTransaction, that of a command a DeletedRecords, that of Raft's empty entry nil.
func (m *Machine) Apply(entries []applier.Entry) ([]any, error) {
	if err := m.reconfigure(); err != nil {
		return nil, err
	}
	results := make([]any, len(entries))
	for i := 0; i < len(entries); {
		data := entries[i].Data
		var err error
		switch {
		case len(data) == 0:
			i++
		case isCommand(data):
			results[i], err = m.applyCommand(data)
			i++
		default:
			i, err = m.applyBatches(entries, i, results)
		}
		if err != nil {
			return nil, err
		}
	}
	m.replica.wake()
	return results, nil
}

// applyBatches appends the batches from entries[first] up to the next entry that is none, except those that a
// restore has brought before, and returns where that is.
func (m *Machine) applyBatches(entries []applier.Entry, first int, results []any) (int, error) {
	m.run = m.run[:0]
	next := first
	for ; next < len(entries) && len(entries[next].Data) > 0 && !isCommand(entries[next].Data); next++ {
		m.run = append(m.run, batch.Batch(entries[next].Data))
	}
	if missing := m.log.Repeat(m.run); len(missing) > 0 {
		if err := m.log.Append(missing); err != nil {
			return 0, fmt.Errorf("append %s at %d: %w", m.replica.Name(), missing[0].BaseOffset(), err)
		}
	}
	start := m.log.View().Start()
	for i, one := range m.run {
		results[first+i] = resultOf(one, start)
	}
	clear(m.run)
	return next, nil
}

// resultOf returns the result of a batch that was applied.
func resultOf(b batch.Batch, start protocol.Offset) any {
	if b.IsControl() {
		return EndedTransaction{Offset: b.BaseOffset()}
	}
	return Appended{BaseOffset: b.BaseOffset(), AppendTime: appendTime(b), LogStart: start}
}

// applyCommand applies a command and returns its result.
func (m *Machine) applyCommand(data []byte) (any, error) {
	if before, at, ok := decodeExpireProducers(data); ok {
		return ExpiredProducers{Count: m.log.ExpireProducers(at, before)}, nil
	}
	start, err := decodeAdvanceStart(data)
	if err != nil {
		return nil, err
	}
	if err := m.log.AdvanceStart(start); err != nil {
		return nil, fmt.Errorf("advance log start of %s to %d: %w", m.replica.Name(), start, err)
	}
	return DeletedRecords{LowWatermark: m.log.View().Start()}, nil
}

// reconfigure hands a changed topic configuration to the log, which only this turn may touch.
func (m *Machine) reconfigure() error {
	config := m.replica.Config()
	if config == m.config {
		return nil
	}
	m.config = config
	return m.log.Reconfigure(config.Log) // the log keeps its topic id and handles
}

// Lead implements applier.Machine: the state that the new leader's Preparer starts from.
//
// Even a replica whose restore was interrupted has its producer table complete by now: to be elected its log
// had to hold every committed entry, and those that the restore had jumped over have been applied since.
func (m *Machine) Lead(term uint64) applier.Preparer {
	if m.log.Behind() {
		panic(fmt.Sprintf("BUG: got to lead %s in term %d while its producers are behind, want all applied",
			m.replica.Name(), term))
	}
	producers := m.log.Producers()
	if planted.ForgetProducers {
		producers = new(partitionlog.Producers)
	}
	m.replica.transactions.reset(producers)
	return &Preparer{
		epoch:     protocol.LeaderEpoch(term),
		next:      m.log.View().End(),
		start:     m.log.View().Start(),
		producers: producers,
		known:     &m.replica.transactions,
	}
}

// Capture implements applier.Machine.
func (m *Machine) Capture() (func() ([]byte, error), error) {
	flush, err := m.log.Capture()
	if err != nil {
		return nil, err
	}
	return func() ([]byte, error) {
		state, err := flush()
		return state, err
	}, nil
}

// Checkpointed implements applier.Machine. A log that was copied anew takes the place of the one there was,
// which no later entry may come to.
func (m *Machine) Checkpointed(state []byte) {
	log, err := m.log.Renew(state)
	if err != nil {
		panic(fmt.Errorf("renew log of %s: %w", m.replica.Name(), err))
	}
	if log != m.log {
		m.log = log
		m.replica.publishLog(log)
		m.replica.wake()
	}
	m.log.Checkpointed(state)
}

// Close implements applier.Machine. The view stays readable for those who hold it.
func (m *Machine) Close() { _ = m.log.Close() } // nothing is lost: the write-ahead log has what is not synced

// appendTime returns what a produce answer says about the time of a batch.
func appendTime(b batch.Batch) int64 {
	if b.TimestampType() == batch.LogAppendTime {
		return b.MaxTimestamp()
	}
	return -1
}
