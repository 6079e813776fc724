package transport_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin/transport"
)

// BenchmarkRoundTrip measures a 128-byte consensus message to a peer and its answer, one at a time.
func BenchmarkRoundTrip(b *testing.B) {
	var echo atomic.Pointer[transport.Transport]
	a := start(b, 1)
	other := startWith(b, 2, func(from transport.Key, class transport.Class, message []byte) {
		echo.Load().Send(from, class, message)
	})
	echo.Store(other)
	connect(b, a.Transport, other)
	message := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		a.Send(other.Key(), transport.Consensus, message)
		<-a.inbox
	}
}

// BenchmarkOneWay measures how fast messages reach another node, and BenchmarkBroadcast how fast
// they reach three. A message counts once, however many nodes it reaches.
func BenchmarkOneWay(b *testing.B) {
	for _, size := range []int{128, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) { benchmarkThroughput(b, 1, size) })
	}
}

func BenchmarkBroadcast(b *testing.B) {
	for _, size := range []int{128, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) { benchmarkThroughput(b, 3, size) })
	}
}

func benchmarkThroughput(b *testing.B, receivers, size int) {
	a := start(b, 1)
	nodes := []*transport.Transport{a.Transport}
	arrived := make([]atomic.Int64, receivers)
	for i := range receivers {
		nodes = append(nodes, startWith(b, 2+i, func(transport.Key, transport.Class, []byte) { arrived[i].Add(1) }))
	}
	connect(b, nodes...)
	// Broadcast refuses when a queue is full; for a figure all must arrive.
	ahead := int64(min(4000, 4<<20/size))
	slowest := func() int64 {
		least := arrived[0].Load()
		for i := range arrived {
			least = min(least, arrived[i].Load())
		}
		return least
	}
	message := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range int64(b.N) {
		for i-slowest() >= ahead {
			time.Sleep(50 * time.Microsecond)
		}
		a.Broadcast(transport.Transactions, message)
	}
	for slowest() < int64(b.N) {
		time.Sleep(50 * time.Microsecond)
	}
	b.StopTimer()
	for _, p := range a.Stats().Peers {
		class := p.Classes[transport.Transactions]
		if dropped := class.Dropped; dropped[transport.DroppedFull]+dropped[transport.DroppedLink] > 0 {
			b.Fatalf("dropped %v", dropped)
		}
		b.ReportMetric(float64(class.Sent.Messages)/float64(class.Sent.Frames), "messages/frame")
	}
}
