//go:build !linux

package transport

import "net"

// tuneTCP sets how dead connections are found.
func tuneTCP(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetKeepAliveConfig(tcpKeepalive)
	}
}
