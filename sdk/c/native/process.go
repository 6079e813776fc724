package native

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/plugintest"
)

// Process is a plugin that runs natively. It serves the hooks that the plugin serves; a call of
// another one ends in a trap. Where the host would end a call in a fault it calls plugintest.Fail.
// One goroutine uses it at a time.
type Process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	err     error // of the pipe; all further calls fail
}

var (
	_ plugintest.Answerer   = (*Process)(nil)
	_ hook.LeaderPlugin     = (*Process)(nil)
	_ hook.MachinePlugin    = (*Process)(nil)
	_ hook.ValidationPlugin = (*Process)(nil)
	_ hook.FinalityPlugin   = (*Process)(nil)
	_ hook.PacemakerPlugin  = (*Process)(nil)
	_ hook.PriorityPlugin   = (*Process)(nil)
)

// Start starts a program that Compile made.
func Start(program string) (*Process, error) {
	p := &Process{command: exec.Command(program)}
	in, inErr := p.command.StdinPipe()
	out, outErr := p.command.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("native: %w", err)
	}
	p.in, p.out = in, bufio.NewReaderSize(out, 64<<10)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("native: the plugin does not start: %w", err)
	}
	return p, nil
}

// Close ends the process.
func (p *Process) Close() error {
	err := errors.Join(p.in.Close(), p.command.Wait())
	if err != nil {
		return fmt.Errorf("native: the plugin's process ended badly: %w", err)
	}
	return nil
}

// Answer implements plugintest.Answerer.
func (p *Process) Answer(operation string, request []byte, state *plugintest.State) (plugintest.Answer, error) {
	a, err := plugintest.Native{Leader: p, Machine: p, Validation: p, Finality: p, Pacemaker: p, Priority: p}.Answer(operation, request, state)
	return a, errors.Join(err, p.err)
}

// Lead implements hook.LeaderPlugin.
func (p *Process) Lead(r *hook.LeaderRequest) hook.LeaderResponse { return ask(p, &hook.Lead, r, nil) }

// Apply implements hook.MachinePlugin.
func (p *Process) Apply(r *hook.ApplyRequest, state hook.Access) hook.ApplyResponse {
	return ask(p, &hook.Apply, r, state)
}

// Query implements hook.MachinePlugin.
func (p *Process) Query(r *hook.QueryRequest, state hook.Reader) hook.QueryResponse {
	return ask(p, &hook.Query, r, state)
}

// Validate implements hook.ValidationPlugin.
func (p *Process) Validate(r *hook.ValidationRequest, state hook.Reader) hook.ValidationResponse {
	return ask(p, &hook.Validate, r, state)
}

// Delay implements hook.FinalityPlugin.
func (p *Process) Delay(r *hook.FinalityRequest) hook.FinalityResponse {
	return ask(p, &hook.Delay, r, nil)
}

// Timeout implements hook.PacemakerPlugin.
func (p *Process) Timeout(r *hook.PacemakerRequest) hook.PacemakerResponse {
	return ask(p, &hook.Timeout, r, nil)
}

// Priority implements hook.PriorityPlugin.
func (p *Process) Priority(r *hook.PriorityRequest) hook.PriorityResponse {
	return ask(p, &hook.Prioritize, r, nil)
}

// ask puts one call and decodes what comes back.
func ask[Q, S any](p *Process, d *hook.Definition[Q, S], q *Q, state hook.Reader) (s S) {
	request, err := d.EncodeRequest(nil, q)
	if err != nil {
		plugintest.Fail(hook.FaultInput, err.Error())
	}
	response, fault := p.exchange(d.Name, request, state)
	if fault != hook.FaultNone {
		plugintest.Fail(fault, "the plugin's process")
	}
	if err := d.DecodeResponse(response, &s); err != nil {
		plugintest.Fail(hook.FaultOutput, err.Error())
	}
	return s
}

// exchange puts a call and answers what the plugin asks for until it is over. The frames are told in
// serve.c.
func (p *Process) exchange(operation string, request []byte, state hook.Reader) (response []byte, fault hook.Fault) {
	p.send('c', append(append([]byte{byte(len(operation))}, operation...), request...))
	c := &call{state: state}
	for {
		kind, body := p.receive()
		if p.err != nil {
			return nil, hook.FaultHost
		}
		switch kind {
		case 'z':
			switch {
			case c.fault == hook.FaultNone && !bytes.Equal(body, make([]byte, 4)):
				c.fail(hook.FaultStatus)
			case !c.answered:
				c.fail(hook.FaultOutput)
			}
			return c.response, c.fault
		case 't':
			c.fail(hook.FaultTrap)
			return nil, c.fault
		}
		var answer []byte
		var found bool
		if f := plugintest.Guard(func() { answer, found = c.serve(kind, body) }); f != hook.FaultNone {
			c.fail(f)
		}
		switch {
		case bytes.IndexByte([]byte("pdelo"), kind) >= 0: // not answered
		case c.fault != hook.FaultNone:
			p.send('x', nil)
			return nil, c.fault
		case found:
			p.send('v', answer)
		default:
			p.send('n', nil)
		}
	}
}

// frameMax bounds a frame of the plugin's: a scan's page, a value with its key.
const frameMax = 1 << 20

func (p *Process) send(kind byte, body []byte) {
	frame := binary.LittleEndian.AppendUint32(nil, uint32(1+len(body)))
	frame = append(append(frame, kind), body...)
	if _, err := p.in.Write(frame); err != nil && p.err == nil {
		p.err = fmt.Errorf("native: the plugin's process takes nothing more: %w", err)
	}
}

func (p *Process) receive() (kind byte, body []byte) {
	var length [4]byte
	if p.err == nil {
		if _, err := io.ReadFull(p.out, length[:]); err != nil {
			p.err = fmt.Errorf("native: the plugin's process is gone: %w", err)
		}
	}
	n := binary.LittleEndian.Uint32(length[:])
	if p.err == nil && (n < 1 || n > frameMax) {
		p.err = fmt.Errorf("native: the plugin's process sent a frame of %d bytes; does the plugin write to the standard output?", n)
	}
	if p.err != nil {
		return 0, nil
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(p.out, frame); err != nil {
		p.err = fmt.Errorf("native: the plugin's process is gone: %w", err)
		return 0, nil
	}
	return frame[0], frame[1:]
}

// call is one call as its host functions see it.
type call struct {
	state    hook.Reader // nil: the operation has none
	response []byte
	answered bool
	fault    hook.Fault // the first
}

func (c *call) fail(f hook.Fault) {
	if c.fault == hook.FaultNone {
		c.fault = f
	}
}

// serve does what a host function does; found is false where that is -1 or 0.
func (c *call) serve(kind byte, body []byte) (answer []byte, found bool) {
	if kind == 'o' {
		if c.answered {
			plugintest.Fail(hook.FaultOutput, "two responses")
		}
		c.response, c.answered = body, true
		return nil, true
	}
	if c.state == nil {
		if kind != 'l' && kind != 'q' { // to log and to ask for a capability need no state
			plugintest.Fail(hook.FaultImport, "an operation without a state")
		}
		return nil, false
	}
	switch kind {
	case 'g':
		return c.state.Get(body)
	case 's':
		return c.scan(body), true
	case 'l':
		c.state.Log(body)
		return nil, true
	case 'q':
		return nil, c.state.Granted(string(body))
	case 'f':
		n := int(body[0])
		return c.state.Foreign(string(body[1:1+n]), body[1+n:])
	case 'h':
		a, ok := c.state.History(binary.LittleEndian.Uint64(body))
		return a.Append(nil), ok
	case 'k':
		return c.state.Proof(body), true
	case 'r':
		random := c.state.Beacon()
		return random[:], true
	}
	c.write(kind, body)
	return nil, true
}

// write does what a host function does that writes.
func (c *call) write(kind byte, body []byte) {
	access, ok := c.state.(hook.Access)
	if !ok {
		plugintest.Fail(hook.FaultImport, "an operation that only reads")
	}
	switch kind {
	case 'p':
		n := int(binary.LittleEndian.Uint32(body))
		access.Put(body[4:4+n], body[4+n:])
	case 'd':
		access.Delete(body)
	case 'e':
		access.Emit(body)
	default:
		plugintest.Fail(hook.FaultImport, "batches are the sandbox's")
	}
}

// scan returns what state_scan returns, 4 bytes, and what it writes.
func (c *call) scan(body []byte) []byte {
	le := binary.LittleEndian
	limit, capacity, n := le.Uint32(body), int(le.Uint32(body[4:])), le.Uint32(body[8:])
	start, end := body[12:12+n], body[12+n:]
	if len(end) == 0 {
		end = nil
	}
	page, length := make([]byte, 4), int32(0)
	if limit > 0 && (end == nil || bytes.Compare(start, end) < 0) {
		c.state.Scan(start, end, func(key, value []byte) bool {
			need := 8 + len(key) + len(value)
			if len(page)-4+need > capacity {
				if len(page) == 4 {
					length = -int32(need)
				}
				return false
			}
			page = le.AppendUint32(page, uint32(len(key)))
			page = le.AppendUint32(page, uint32(len(value)))
			page = append(append(page, key...), value...)
			limit--
			return limit > 0
		})
	}
	if len(page) > 4 {
		length = int32(len(page) - 4)
	}
	le.PutUint32(page, uint32(length))
	return page
}
