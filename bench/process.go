package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Use is what a process has used since it began, as Linux's /proc tells it. Elsewhere it is zero.
type Use struct {
	CPU     time.Duration
	MaxRSS  int64  // bytes
	Written uint64 // bytes that went to the disk, or will
}

// ticksPerSecond is USER_HZ, which is 100 on all of Linux's architectures that Go knows.
const ticksPerSecond = 100

// ProcessUse reads what a process has used.
func ProcessUse(pid int) (u Use) {
	field := func(file, name string) (n int64) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			return 0
		}
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			if value, ok := strings.CutPrefix(s.Text(), name+":"); ok {
				n, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			}
		}
		return n
	}
	u.MaxRSS = field("status", "VmHWM") << 10
	u.Written = uint64(field("io", "write_bytes"))
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		if at := bytes.LastIndexByte(b, ')'); at >= 0 { // the name may hold anything
			if f := strings.Fields(string(b[at+1:])); len(f) > 12 {
				user, _ := strconv.ParseInt(f[11], 10, 64)
				system, _ := strconv.ParseInt(f[12], 10, 64)
				u.CPU = time.Duration(user+system) * time.Second / ticksPerSecond
			}
		}
	}
	return u
}
