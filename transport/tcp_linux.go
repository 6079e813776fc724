package transport

import (
	"net"
	"syscall"
)

const (
	// tcpNotSentLowat is TCP_NOTSENT_LOWAT, which package syscall does not name.
	tcpNotSentLowat = 0x19
	// unsentBytesMax is how much the kernel takes from us before it has sent it. What it has
	// taken, a vote must wait for.
	unsentBytesMax = 128 << 10
)

// tuneTCP keeps the kernel's queue short. It is an optimisation: failure is ignored.
func tuneTCP(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	tcp.SetKeepAliveConfig(tcpKeepalive)
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(descriptor uintptr) {
			syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, tcpNotSentLowat, unsentBytesMax)
		})
	}
}
