package guest

import (
	"bytes"
	"testing"

	"quoin.dev/quoin/hook"
)

func TestAfter(t *testing.T) {
	long := func(last ...byte) []byte {
		return append(bytes.Repeat([]byte{7}, hook.KeyMax-len(last)), last...)
	}
	for _, c := range []struct{ key, want []byte }{
		{[]byte("a"), []byte("a\x00")},
		{[]byte{}, []byte{0}},
		{long(0)[:hook.KeyMax-1], append(long(0)[:hook.KeyMax-1], 0)},
		{long(1), long(2)},
		{long(1, 0xff), long(2, 0)[:hook.KeyMax-1]},
		{bytes.Repeat([]byte{0xff}, hook.KeyMax), nil},
	} {
		got := after(bytes.Clone(c.key))
		if !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("after %x: %x, want %x", c.key, got, c.want)
		}
	}
}
