package compile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"quoin.dev/quoin/plugin"
)

// job is what a parent asks of a child: one line of JSON, followed by the release file. The parent
// keeps the pipe open as long as it lives.
type job struct {
	Dir     string `json:"dir"`
	Bytes   int    `json:"bytes"` // of the file
	Seconds uint64 `json:"seconds"`
	Memory  uint64 `json:"memory"`
}

// verdict is a child's answer, as JSON.
type verdict struct {
	Refused string `json:"refused,omitempty"` // no node can accept the release
	Failed  string `json:"failed,omitempty"`  // this machine could not
}

// inChild compiles in a process of its own.
func (c *Cache) inChild(ctx context.Context, dir string, file []byte) error {
	wall, cancel := context.WithTimeout(ctx, wallFactor*c.o.Time)
	defer cancel()
	seconds := uint64(max(c.o.Time/time.Second, 1))
	header, err := json.Marshal(job{Dir: dir, Bytes: len(file), Seconds: seconds, Memory: uint64(c.o.Memory)})
	if err != nil {
		return local("%w", err)
	}
	cmd := exec.CommandContext(wall, c.o.Command[0], c.o.Command[1:]...)
	cmd.Args[0] = os.Args[0] // programs of several names go by it
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOMEMLIMIT="+strconv.FormatInt(c.o.Memory/4*3, 10))
	cmd.WaitDelay = time.Second
	stdout, stderr := &firstBytes{}, &firstBytes{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return local("the process that compiles does not start: %w", err)
	}
	go func() { // if the child is gone, Wait tells why
		_, _ = stdin.Write(append(append(header, '\n'), file...))
	}()
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return local("%w", ctx.Err())
	case wall.Err() != nil:
		return local("%w: not done after %v", ErrBudget, wallFactor*c.o.Time)
	case err != nil:
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		if used >= time.Duration(seconds)*time.Second*9/10 {
			return local("%w: %v of processor time", ErrBudget, used.Round(time.Second))
		}
		// Out of memory is how the runtime ends; what it printed says so.
		return local("%w, or the process was ended: %w: %s", ErrBudget, err, firstLine(stderr.b))
	}
	var v verdict
	if err := json.Unmarshal(stdout.b, &v); err != nil {
		return local("the process that compiles answers %q", stdout.b)
	}
	switch {
	case v.Refused != "":
		return fmt.Errorf("compile: %w: %s", ErrRefused, v.Refused)
	case v.Failed != "":
		return local("%s", v.Failed)
	}
	return nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return line
}

// firstBytes keeps the first messagesMax bytes that are written to it.
type firstBytes struct{ b []byte }

func (f *firstBytes) Write(p []byte) (int, error) {
	f.b = append(f.b, p[:min(len(p), messagesMax-len(f.b))]...)
	return len(p), nil
}

// Child does the job of a process that compiles one release. It returns when the verdict is written;
// the process must end then. It also ends the process by itself when its parent is gone.
func Child(in io.Reader, out io.Writer) error {
	var header []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(in, b); err != nil || len(header) > messagesMax {
			return errors.New("compile: there is no job on standard input: this command is for a node's own use")
		}
		if b[0] == '\n' {
			break
		}
		header = append(header, b[0])
	}
	var j job
	if err := json.Unmarshal(header, &j); err != nil || j.Bytes < 0 || j.Bytes > plugin.FileMax {
		return fmt.Errorf("compile: this is no job: %q", header)
	}
	file := make([]byte, j.Bytes)
	if _, err := io.ReadFull(in, file); err != nil {
		return fmt.Errorf("compile: the job ends early: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(1)
	}()
	return json.NewEncoder(out).Encode(j.do(file))
}

func (j *job) do(file []byte) (v verdict) {
	if err := restrain(j.Seconds, j.Memory); err != nil {
		v.Failed = "the process cannot be limited: " + err.Error()
		return v
	}
	l, _, err := open(j.Dir, file)
	switch {
	case err == nil:
		err = l.close()
	case Final(err):
		v.Refused = err.Error()
		return v
	}
	if err != nil {
		v.Failed = err.Error()
	}
	return v
}
