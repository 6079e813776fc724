package metric

import (
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/transport"
)

func (e *emitter) network(s transport.Stats, set quoin.ValidatorSet) {
	var all [transport.ClassCount]transport.ClassStats
	names := map[string]bool{}
	for i := range s.Peers {
		p := &s.Peers[i]
		for class := range p.Classes {
			add(&all[class], &p.Classes[class])
		}
		name := e.peerName(p.Key, set)
		if names[name] { // two peers that somebody gave one name
			name += "-" + shortDigest(quoin.Hash(p.Key))
		}
		names[name] = true
		e.flag(peerUp, p.Up, name)
		if p.RoundTrip > 0 {
			e.set(roundTrip, p.RoundTrip.Seconds(), name)
		}
		e.count(peerConnects, p.Connects, name)
		e.count(peerFailures, p.Failures, name)
	}
	for _, class := range transport.Classes() {
		e.class(&all[class], strings.ToLower(class.String()))
	}
	for reason, n := range s.Refused {
		e.count(networkRefusals, n, transport.Reason(reason).String())
	}
}

// peerName returns what a peer is called: by the validators' set, or by who runs the node, or by the first
// digits of its key.
func (e *emitter) peerName(k transport.Key, set quoin.ValidatorSet) string {
	if i, ok := set.Index(quoin.PublicKey(k)); ok {
		return set.At(i).Name
	}
	if name := e.m.c.Peers[k]; name != "" {
		return name
	}
	return shortDigest(quoin.Hash(k))
}

func (e *emitter) class(c *transport.ClassStats, name string) {
	e.count(networkBytes, c.Sent.Bytes, name, "sent")
	e.count(networkBytes, c.Received.Bytes, name, "received")
	e.count(networkMessages, c.Sent.Messages, name, "sent")
	e.count(networkMessages, c.Received.Messages, name, "received")
	e.set(queued, float64(c.QueuedMessages), name)
	e.set(queuedSize, float64(c.QueuedBytes), name)
	for reason, n := range c.Dropped {
		e.count(networkDrops, n, name, transport.Drop(reason).String())
	}
	e.waits(&c.Waited, name)
}

// waits gives the histogram that the transport keeps.
func (e *emitter) waits(w *transport.Waits, class string) {
	count, buckets := uint64(0), map[float64]uint64{}
	for i, bound := range transport.WaitBounds {
		count += w.Buckets[i]
		buckets[bound.Seconds()] = count
	}
	count += w.Buckets[len(transport.WaitBounds)]
	e.histogram(queueTime, count, w.Sum.Seconds(), buckets, class)
}

// waitBounds are the transport's, in seconds.
func waitBounds() (seconds []float64) {
	for _, b := range transport.WaitBounds {
		seconds = append(seconds, b.Seconds())
	}
	return seconds
}

// add adds what concerns one peer.
func add(sum, one *transport.ClassStats) {
	traffic := func(sum *transport.Traffic, one transport.Traffic) {
		sum.Messages += one.Messages
		sum.Bytes += one.Bytes
		sum.Frames += one.Frames
	}
	traffic(&sum.Sent, one.Sent)
	traffic(&sum.Received, one.Received)
	for reason, n := range one.Dropped {
		sum.Dropped[reason] += n
	}
	for i, n := range one.Waited.Buckets {
		sum.Waited.Buckets[i] += n
	}
	sum.Waited.Sum += one.Waited.Sum
	sum.QueuedMessages += one.QueuedMessages
	sum.QueuedBytes += one.QueuedBytes
}
