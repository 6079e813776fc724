package api

import (
	"testing"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/store"
)

// A request reads each block once, and holds so many bytes of them.
func TestBlocksOfOneRequestAreBounded(t *testing.T) {
	first := &replica.Finished{}
	b := &blockReader{store: store.NewMemory(), read: map[quoin.Height]*replica.Finished{1: first}, bytes: blockReaderMax + 1}
	if f, err := b.at(1); f != first || err != nil {
		t.Error("a block that was read is read anew:", err)
	}
	if _, err := b.at(2); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Error(err)
	}
}
