package api

import (
	"context"

	"connectrpc.com/connect"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// GetCompatibility implements quoinv1connect.StatusServiceHandler.
func (s statusService) GetCompatibility(context.Context, *connect.Request[quoinv1.GetCompatibilityRequest]) (*connect.Response[quoinv1.Compatibility], error) {
	c := s.node.Compatibility()
	m := &quoinv1.Compatibility{NodeVersion: c.NodeVersion, EngineVersion: c.EngineVersion, ScheduleVersion: c.ScheduleVersion, Capabilities: c.Capabilities}
	for _, h := range c.Hooks {
		x := &quoinv1.HookSupport{Name: h.Name, Purpose: h.Purpose, Class: h.Class, Namespaced: h.Namespaced, SinceNode: h.SinceNode,
			SinceEngine: h.SinceEngine, FuelMax: h.FuelMax, Fallback: h.Fallback, Builtins: h.Builtins}
		for _, o := range h.Operations {
			x.Operations = append(x.Operations, &quoinv1.OperationSupport{Export: o.Export, Optional: o.Optional, State: o.State,
				RequestMax: uint32(o.RequestMax), ResponseMax: uint32(o.ResponseMax)})
		}
		m.Hooks = append(m.Hooks, x)
	}
	for _, f := range c.HostFunctions {
		m.HostFunctions = append(m.HostFunctions, &quoinv1.HostFunction{Module: f.Module, Name: f.Name, Type: f.Type, Capability: f.Capability})
	}
	for _, l := range c.Limits.List() {
		m.Limits = append(m.Limits, &quoinv1.Limit{Name: l.Name, Most: uint64(l.Most)})
	}
	return connect.NewResponse(m), nil
}
