package transport

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tcpNotSentLowat is TCP_NOTSENT_LOWAT, which package syscall does not name.
	tcpNotSentLowat = 0x19
	// tcpUserTimeout is TCP_USER_TIMEOUT.
	tcpUserTimeout = 0x12
	// unsentBytesMax is how much the kernel takes from us before it has sent it. What it has
	// taken, a vote must wait for.
	unsentBytesMax = 128 << 10
)

// tuneTCP keeps the kernel's queue short, and has it give up a connection on which what was sent
// has not been acknowledged, or not taken, for as long as a ping may take: a dead peer is
// noticed then, not by the next ping. Both are optimisations, so failure is ignored.
func tuneTCP(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	tcp.SetKeepAliveConfig(tcpKeepalive)
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(descriptor uintptr) {
			syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, tcpNotSentLowat, unsentBytesMax)
			syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, tcpUserTimeout, int(pingTimeout/time.Millisecond))
		})
	}
}

// roundTrip returns the kernel's smoothed round trip of a connection, 0 if it does not tell.
func roundTrip(conn net.Conn) (d time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	// A connection that was closed meanwhile has none.
	_ = raw.Control(func(descriptor uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(descriptor), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			d = time.Duration(info.Rtt) * time.Microsecond
		}
	})
	return d
}
