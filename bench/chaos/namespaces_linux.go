package chaos

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Namespaces are Networks of the kernel's own: each node has a network namespace, a link to every other
// node, and one to this program, which is never cut. A cut takes a link down, both ways. It works in a
// Room only, which takes all of it with it, and needs the program ip.
type Namespaces struct{ nodes, port int }

var _ Networks = (*Namespaces)(nil)

// NewNamespaces makes the namespaces and their links, for nodes that listen for one another on a port
// of all their addresses.
func NewNamespaces(nodes, port int) (*Namespaces, error) {
	// Names of namespaces are files below /run, which are to vanish with the room.
	if err := syscall.Mount("quoin-lab", "/run", "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		return nil, fmt.Errorf("chaos: mounting /run: %w", err)
	}
	n := &Namespaces{nodes, port}
	var commands []string
	do := func(format string, a ...any) { commands = append(commands, fmt.Sprintf(format, a...)) }
	for i := range nodes {
		do("netns add node%d", i)
		do("-n node%d link set lo up", i)
		do("link add hub%d type veth peer name hub netns node%d", i, i)
		do("address add 10.100.%d.1/24 dev hub%d", i, i)
		do("-n node%d address add %s/24 dev hub", i, hubAddress(i))
		do("link set hub%d up", i)
		do("-n node%d link set hub up", i)
		for j := range i {
			do("-n node%d link add %s type veth peer name %s netns node%d", i, linkName(j), linkName(i), j)
			for _, end := range [][2]int{{i, j}, {j, i}} {
				do("-n node%d address add %s/24 dev %s", end[0], linkAddress(end[1], end[0]), linkName(end[1]))
				do("-n node%d link set %s up", end[0], linkName(end[1]))
			}
		}
	}
	for _, c := range commands {
		if err := ip(strings.Fields(c)...); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func ip(arguments ...string) error {
	out, err := exec.Command("ip", arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("chaos: ip %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func hubAddress(node int) string { return fmt.Sprintf("10.100.%d.2", node) }

func linkName(to int) string { return "node" + strconv.Itoa(to) }

// linkAddress is the address of an end of the link between two nodes.
func linkAddress(from, to int) string {
	return fmt.Sprintf("10.%d.%d.%d", 1+min(from, to), 1+max(from, to), 1+to)
}

// Host is where this program reaches a node.
func (n *Namespaces) Host(node int) string { return hubAddress(node) }

// Command is a command that runs in a node's namespace.
func (n *Namespaces) Command(node int, command []string) []string {
	return append([]string{"ip", "netns", "exec", linkName(node)}, command...)
}

// Address implements Networks.
func (n *Namespaces) Address(from, to int) string {
	return net.JoinHostPort(linkAddress(from, to), strconv.Itoa(n.port))
}

// Cut implements Networks, but for both ways.
func (n *Namespaces) Cut(from, to int) error {
	return ip("-n", linkName(from), "link", "set", linkName(to), "down")
}

// Slow implements Networks: it cannot.
func (n *Namespaces) Slow(int, time.Duration) error { return errors.ErrUnsupported }

// Can implements Networks: no cut of one way, no delay.
func (n *Namespaces) Can(k Kind) bool { return !slices.Contains([]Kind{Mute, Deaf, SlowLinks}, k) }

// Heal implements Networks.
func (n *Namespaces) Heal() error {
	var errs []error
	for i := range n.nodes {
		for j := range n.nodes {
			if i != j {
				errs = append(errs, ip("-n", linkName(i), "link", "set", linkName(j), "up"))
			}
		}
	}
	return errors.Join(errs...)
}

// Close implements Networks. The kernel takes a namespace down when its last process has ended.
func (n *Namespaces) Close() error {
	return os.NewSyscallError("unmount", syscall.Unmount("/run", syscall.MNT_DETACH))
}
