package scaffold_test

import (
	"os/exec"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/scaffold"
)

// A Go project for each hook passes its own tests, builds, and answers in the sandbox.
func TestPolicyProjects(t *testing.T) {
	for _, c := range []struct {
		hook string
		ask  func(table *plugin.Table, b *quoin.Binding) (plugin.Outcome, bool, error)
	}{
		{hook.Validation.Name, func(table *plugin.Table, b *quoin.Binding) (plugin.Outcome, bool, error) {
			r, err := table.Validate(b, &hook.ValidationRequest{Payload: []byte("x")}, emptyState{})
			return r.Outcome, r.Code == 1, err
		}},
		{hook.Finality.Name, func(table *plugin.Table, b *quoin.Binding) (plugin.Outcome, bool, error) {
			r, err := table.Delay(b, &hook.FinalityRequest{Height: 1})
			return r.Outcome, r.Blocks == 6, err
		}},
		{hook.Pacemaker.Name, func(table *plugin.Table, b *quoin.Binding) (plugin.Outcome, bool, error) {
			r, err := table.Timeout(b, &hook.PacemakerRequest{View: 1, BaseMS: 500, MaxMS: 5000, BuiltinMS: 700})
			return r.Outcome, r.MS == 700, err
		}},
		{hook.Priority.Name, func(table *plugin.Table, b *quoin.Binding) (plugin.Outcome, bool, error) {
			r, err := table.Priority(b, &hook.PriorityRequest{Payload: make([]byte, 36)})
			return r.Outcome, r.Priority == hook.PayloadMax-36, err
		}},
	} {
		t.Run(c.hook, func(t *testing.T) {
			t.Parallel()
			dir := newProject(t, "policy", c.hook)
			test := exec.Command("go", "test", ".")
			test.Dir, test.Env = dir, offline()
			if output, err := test.CombinedOutput(); err != nil {
				t.Fatalf("the project's own tests: %v\n%s", err, output)
			}
			_, file := build(t, scaffold.Options{Dir: dir})
			table, b := run(t, file, c.hook)
			if outcome, right, err := c.ask(table, b); err != nil || outcome.Fault != hook.FaultNone || !right {
				t.Errorf("%+v, right %t, %v", outcome, right, err)
			}
		})
	}
}
