package plugin

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

var differentialArm64 = flag.Int("differential.arm64", 0, "compare so many random modules with an emulated arm64 machine")

// Another architecture, whose code generator has little in common with this one's, gives the
// same outcomes of all random modules: results, fuel, depth, faults and memory. The tests are
// built for arm64 and run by qemu's user mode (Debian's package qemu-user).
//
//	go test ./plugin -run TestArm64Agrees -differential.arm64 300     what CI runs
//	go test ./plugin -run TestArm64Agrees -differential.arm64 20000 -timeout 0    the longer run, an hour or more
func TestArm64Agrees(t *testing.T) {
	if *differentialArm64 == 0 {
		t.Skip("takes half a minute and qemu-aarch64: go test ./plugin -run TestArm64Agrees -differential.arm64 300")
	}
	if runtime.GOARCH == "arm64" {
		t.Skip("this is an arm64 machine: TestRandomModules compares it with the recorded outcomes")
	}
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		t.Fatalf("%v; install qemu-user", err)
	}
	dir := t.TempDir()
	foreign := filepath.Join(dir, "arm64.test")
	build := exec.Command("go", "test", "-c", "-o", foreign, ".")
	build.Env = append(os.Environ(), "GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	digests := func(name string, command ...string) []byte {
		file := filepath.Join(dir, name)
		command = append(command, "-test.run", "^TestRandomModules$", "-differential.runs", strconv.Itoa(*differentialArm64), "-differential.out", file)
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	here, there := digests(runtime.GOARCH, own), digests("arm64", qemu, foreign)
	if len(here) == 0 || !bytes.Equal(here, there) {
		t.Errorf("the outcomes differ; on %s:\n%son arm64:\n%s", runtime.GOARCH, here, there)
	}
}
