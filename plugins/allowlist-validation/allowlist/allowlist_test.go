package allowlist

import (
	"testing"

	"quoin.dev/quoin/hook"
)

func TestValidate(t *testing.T) {
	key := func(b byte) (k [32]byte) { k[0], k[31] = b, 1; return k }
	list := Params(key(5), key(1), key(9), key(5))
	if len(list) != 3*32 {
		t.Fatalf("%d bytes of parameters", len(list))
	}
	for name, c := range map[string]struct {
		sender [32]byte
		params []byte
		want   uint32
	}{
		"first":    {key(1), list, 0},
		"middle":   {key(5), list, 0},
		"last":     {key(9), list, 0},
		"below":    {key(0), list, Stranger},
		"between":  {key(6), list, Stranger},
		"above":    {key(10), list, Stranger},
		"unsigned": {[32]byte{}, list, Nobody},
		"nobody":   {key(1), nil, Stranger},
		"cut":      {key(1), list[:40], BadList},
		"disorder": {key(1), append(append([]byte{}, list[32:]...), list[:32]...), BadList},
	} {
		if got := Validate(&hook.ValidationRequest{Sender: c.sender, Params: c.params}, nil); got.Code != c.want {
			t.Errorf("%s: %d, want %d", name, got.Code, c.want)
		}
	}
}
