package main

import (
	"path/filepath"

	"quoin.dev/quoin/node/osdisk"
	"quoin.dev/quoin/observe"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/observe/logs"
	"quoin.dev/quoin/observe/metric"
	"quoin.dev/quoin/observe/trace"
	"quoin.dev/quoin/transport"
)

// observeSettings say what looks on at a node. Zeros are the defaults: metrics, health and the dashboard, no
// traces.
type observeSettings struct {
	Off        bool           `json:"off,omitempty"`         // nothing looks on: no metrics, no health, no dashboard
	Traces     string         `json:"traces,omitempty"`      // where an OTLP/HTTP receiver listens; empty: no traces
	TraceShare string         `json:"trace_share,omitempty"` // of the transactions; default 1/100
	Targets    health.Targets `json:"targets,omitzero"`      // what is good enough
}

const traceShareDefault = "1/100"

// observer makes what looks on at the plan's node, which becomes the station's; nil if nothing does.
func (p *nodePlan) observer(of *station) (*observe.Observer, error) {
	s := &p.settings.Observe
	if s.Off {
		return nil, nil
	}
	data := p.data()
	c := observe.Config{Targets: s.Targets, Metrics: metric.Config{Version: programVersion(), Dir: data, Peers: map[transport.Key]string{}}}
	for _, m := range p.members {
		if keys, err := publicKeys([]string{m.Key}); err == nil {
			c.Metrics.Peers[transport.Key(keys[0])] = m.Name
		}
	}
	c.Metrics.API = func() map[string]uint64 {
		refused := map[string]uint64{}
		if served := of.api.Load(); served != nil {
			for code, n := range served.Refused() {
				refused[string(code)] = n
			}
		}
		return refused
	}
	c.Metrics.Viewers = func() int {
		if page := of.page.Load(); page != nil {
			open, _, _ := page.Viewers()
			return open
		}
		return 0
	}
	c.Around.Space = func() (free, size uint64, err error) { return osdisk.Space(data) }
	if log, ok := p.log.Handler().(*logs.Handler); ok {
		c.Metrics.Logs, c.Around.Dropped = log.Dropped, log.Dropped
	}
	if s.Traces != "" {
		text := s.TraceShare
		if text == "" {
			text = traceShareDefault
		}
		share, err := trace.ParseShare(text)
		if err != nil {
			return nil, usage(err.Error(), "change observe.trace_share in "+filepath.Join(p.dir, nodeFile))
		}
		c.Traces = &trace.Config{Endpoint: s.Traces, Share: share, Node: p.settings.Name, Origin: p.genesis.Origin(), Logger: p.log}
	}
	o, err := observe.New(c)
	if err != nil {
		return nil, failure("the node's settings of what looks on are refused", err, "change observe in "+filepath.Join(p.dir, nodeFile))
	}
	return o, nil
}
