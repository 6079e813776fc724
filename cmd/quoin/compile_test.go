package main

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin/hostile"
)

// TestCompileRelease: the hidden command, by which a node has releases compiled, does its job.
func TestCompileRelease(t *testing.T) {
	f, ok := hostile.Find(hostile.LeaderParameter)
	if !ok {
		t.Fatal("no such fixture")
	}
	file, dir := f.Release(quoin.PublicKey{}), t.TempDir()
	c := exec.Command("quoin", "node", compileRelease)
	stdin, err := c.StdinPipe() // it stays open: its end would be the node's
	if err != nil {
		t.Fatal(err)
	}
	job := fmt.Sprintf(`{"dir":%q,"bytes":%d,"seconds":10,"memory":%d}`+"\n%s", dir, len(file), 1<<30, file)
	go func() { _, _ = io.WriteString(stdin, job) }()
	out, err := c.Output()
	if err != nil || string(out) != "{}\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if code, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*")); err != nil || len(code) != 1 {
		t.Errorf("machine code: %v, %v", code, err)
	}
	for _, word := range compileCommand() {
		t.Errorf("the binary of a test would start itself: %s", word)
	}
}
