package main

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"quoin.dev/quoin/node"
)

// meter counts what a node certifies: transactions a second, and how long from a block's time,
// which its proposer gave it, until it is certified and durable here.
type meter struct {
	sub  *node.Subscription
	done chan struct{}

	mu    sync.Mutex
	since time.Time
	count uint64
	hist  *hdrhistogram.Histogram
}

type meterReading struct {
	perSecond float64
	p50, p99  string
}

const meterBuffer = 1024

func newMeter(n *node.Node) *meter {
	m := &meter{done: make(chan struct{}), since: time.Now(), hist: newHistogram()}
	m.sub = n.Feed().SubscribeTo(meterBuffer, func(i node.Item) bool { return i.Finished != nil })
	go func() {
		defer close(m.done)
		for item := range m.sub.C {
			txs := int64(len(item.Finished.IDs))
			if txs == 0 {
				continue
			}
			took := time.Since(time.UnixMilli(int64(item.Finished.Checkpoint.Time))).Microseconds()
			m.mu.Lock()
			m.count += uint64(txs)
			_ = m.hist.RecordValues(min(max(1, took), m.hist.HighestTrackableValue()), txs) // within the bounds
			m.mu.Unlock()
		}
	}()
	return m
}

// take returns the reading since the last one.
func (m *meter) take() meterReading {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	r := meterReading{perSecond: float64(m.count) / now.Sub(m.since).Seconds(), p50: "-", p99: "-"}
	if m.hist.TotalCount() > 0 {
		r.p50, r.p99 = milliseconds(m.hist.ValueAtQuantile(50)), milliseconds(m.hist.ValueAtQuantile(99))
	}
	m.since, m.count = now, 0
	m.hist.Reset()
	return r
}

func (m *meter) close() {
	m.sub.Close()
	<-m.done
}
