package chaos

import (
	"errors"
	"testing"
	"time"

	"quoin.dev/quoin"
)

func TestOptionsHaveLimits(t *testing.T) {
	sound := Options{Nodes: make([]Node, 4), Genesis: &quoin.Genesis{Network: NetworkName}}
	if _, err := sound.withDefaults(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"nodes":      func(o *Options) { o.Nodes = o.Nodes[:3] },
		"clients":    func(o *Options) { o.Clients = 257 },
		"rate":       func(o *Options) { o.Rate = 1001 },
		"duration":   func(o *Options) { o.Duration = -time.Second },
		"operations": func(o *Options) { o.Duration = 8 * time.Hour },
		"kinds":      func(o *Options) { o.Kinds = []Kind{"flood"} },
		"network":    func(o *Options) { o.Genesis = &quoin.Genesis{Network: "main"} },
	} {
		o := sound
		spoil(&o)
		if _, err := o.withDefaults(); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
