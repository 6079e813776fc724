package doctor

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Machine is where the kernel tells of processes and of their control groups. The zero value is this one.
type Machine struct {
	Proc   string // default /proc
	Groups string // of version 2; default /sys/fs/cgroup
}

const (
	filesGood   = 4096 + 512 // clients' connections by default, and the store's files
	filesLeast  = 1024
	memoryGood  = 2 << 30 // a node, and a compilation of 1 GiB beside it
	memoryLeast = 512 << 20
	procsGood   = 1.0
	kernelMax   = 1 << 20 // bytes of a file of the kernel's
)

// limits looks at those of a process; 0 is this one, which stands for what a node started from here would have.
func (m Machine) limits(l *list, pid int) {
	if m.Proc == "" {
		m.Proc = "/proc"
	}
	if m.Groups == "" {
		m.Groups = "/sys/fs/cgroup"
	}
	process, whose := "self", "a process started from here"
	if pid > 0 {
		process, whose = strconv.Itoa(pid), "the node's process"
	}
	before := len(l.found)
	var told []string
	if files, ok := openFiles(read(m.Proc, process, "limits")); ok {
		told = append(told, fmt.Sprintf("%d open files", files))
		const mend = "raise it: LimitNOFILE=65536 in its systemd unit, or `ulimit -n 65536`"
		switch {
		case files < filesLeast:
			l.add("limits", Problem, mend, "%s may have only %d files open; a node needs %d", whose, files, filesGood)
		case files < filesGood:
			l.add("limits", Warning, mend, "%s may have %d files open; with all the clients that it takes a node needs %d", whose, files, filesGood)
		}
	}
	groups := m.above(read(m.Proc, process, "cgroup"))
	if memory, ok := m.memory(groups); ok {
		told = append(told, fmt.Sprintf("%d MiB of memory", memory>>20))
		const mend = "give it more: MemoryMax in its systemd unit, --memory of its container, or a larger machine"
		switch {
		case memory < memoryLeast:
			l.add("limits", Problem, mend, "%s has %d MiB of memory; a node needs %d", whose, memory>>20, memoryLeast>>20)
		case memory < memoryGood:
			l.add("limits", Warning, mend+"; or a smaller budget for compiling plugins: compile_mib in node.json", "%s has %d MiB of memory; compiling a plugin may take 1024 of them", whose, memory>>20)
		}
	}
	if procs, ok := m.processors(groups); ok {
		told = append(told, fmt.Sprintf("%.1f processors", procs))
		if procs < procsGood {
			l.add("limits", Warning, "give it one at least: CPUQuota in its systemd unit, --cpus of its container", "%s has %.1f processors", whose, procs)
		}
	}
	switch {
	case len(told) == 0:
		l.add("limits", Unknown, "", "this system does not tell")
	case len(l.found) == before:
		l.ok("limits", "%s has %s", whose, strings.Join(told, ", "))
	}
}

// read returns the text of a file of the kernel's; empty if there is none.
func read(path ...string) string {
	f, err := os.Open(filepath.Join(path...))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, kernelMax))
	if err != nil {
		return ""
	}
	return string(b)
}

// openFiles finds the soft limit in a process's limits.
func openFiles(limits string) (uint64, bool) {
	for line := range strings.Lines(limits) {
		rest, ok := strings.CutPrefix(line, "Max open files")
		if words := strings.Fields(rest); ok && len(words) > 0 {
			return number(words[0])
		}
	}
	return 0, false
}

// number reads a number, or that there is no limit.
func number(s string) (uint64, bool) {
	if s == "unlimited" || s == "max" {
		return 1 << 62, true
	}
	n, err := strconv.ParseUint(s, 10, 62)
	return n, err == nil
}

// above returns the folders of a process's control group and of those above it.
func (m Machine) above(cgroup string) []string {
	folders := []string{m.Groups}
	for line := range strings.Lines(cgroup) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue
		}
		at := m.Groups
		for part := range strings.SplitSeq(path, "/") {
			if part == "" || part == ".." {
				continue
			}
			at = filepath.Join(at, part)
			folders = append(folders, at)
		}
	}
	return folders
}

// memory returns the least of the machine's and of the groups' limits.
func (m Machine) memory(groups []string) (least uint64, known bool) {
	least = 1 << 62
	for line := range strings.Lines(read(m.Proc, "meminfo")) {
		rest, ok := strings.CutPrefix(line, "MemTotal:")
		if words := strings.Fields(rest); ok && len(words) > 0 {
			if kib, ok := number(words[0]); ok && kib < 1<<50 {
				least, known = kib<<10, true
			}
		}
	}
	for _, g := range groups {
		if n, ok := number(strings.TrimSpace(read(g, "memory.max"))); ok && n < least {
			least, known = n, true
		}
	}
	return least, known
}

// processors returns the least of the machine's and of the groups' limits.
func (m Machine) processors(groups []string) (least float64, known bool) {
	for line := range strings.Lines(read(m.Proc, "cpuinfo")) {
		if strings.HasPrefix(line, "processor") {
			least, known = least+1, true
		}
	}
	for _, g := range groups {
		words := strings.Fields(read(g, "cpu.max"))
		if len(words) != 2 {
			continue
		}
		quota, ok := number(words[0])
		period, fine := number(words[1])
		if ok && fine && period > 0 && quota < 1<<61 && (!known || float64(quota)/float64(period) < least) {
			least, known = float64(quota)/float64(period), true
		}
	}
	return least, known
}
