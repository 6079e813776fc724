package protocol

import "quoin.dev/quoin/consensus"

// event is something that will happen at a node: a message arrives if there is one, blocks do, a
// timer passes, or the node crashes or comes back.
type event struct {
	at, sequence uint64
	message      consensus.Message
	fetched      *fetched
	timer        uint64
	flight       uint64
	what         happening
	from, to     int32
	life         uint32 // of the node whose timer it is
}

type happening uint8

const (
	arrives happening = iota
	asked
	brought
	passes
	crashes
	boots
)

// heap is a binary heap of events by time, and by the order in which they were planned. It is not
// container/heap because that boxes every event.
type heap []event

func (h heap) before(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].sequence < h[j].sequence
}

func (h *heap) push(e event) {
	s := append(*h, e)
	*h = s
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s.before(i, parent) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *heap) pop() event {
	s := *h
	top, last := s[0], len(s)-1
	s[0], s[last] = s[last], event{}
	s = s[:last]
	*h = s
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && s.before(child+1, child) {
			child++
		}
		if !s.before(child, i) {
			return top
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
}
