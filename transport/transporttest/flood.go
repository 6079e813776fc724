package transporttest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin/transport/internal/wire"
)

// Stall is where a half-open connection stops.
type Stall uint8

const (
	// Silent connections send nothing.
	Silent Stall = iota
	// Hello connections send a valid ClientHello, which costs the target its half of a key
	// exchange and a signature, and then nothing.
	Hello
	// Partial connections send half of a ClientHello.
	Partial
)

// Flood is a number of half-open connections. Close ends it.
type Flood struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	opened  atomic.Int64
	ended   atomic.Int64
	failed  atomic.Int64
}

// HalfOpen opens n connections to the target that stall in the handshake and stay open until the
// target ends them; if sustained, each is then opened anew. It returns when all n have been
// attempted once. The first failure to dial is returned if no connection succeeded at all.
func (t Target) HalfOpen(ctx context.Context, n int, stall Stall, sustained bool) (*Flood, error) {
	opening, err := openingBytes(t.Network, stall)
	if err != nil {
		return nil, err
	}
	// Refuse a target that is not allowed once, not n times.
	first, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	first.Close()
	ctx, cancel := context.WithCancel(ctx)
	flood := &Flood{cancel: cancel}
	var attempted sync.WaitGroup
	attempted.Add(n)
	dialling := make(chan struct{}, 64)
	for range n {
		flood.running.Go(func() {
			once := sync.OnceFunc(attempted.Done)
			defer once()
			for {
				dialling <- struct{}{}
				conn, err := t.dial(ctx)
				<-dialling
				if err == nil {
					flood.opened.Add(1)
					conn.Write(opening)
				} else {
					flood.failed.Add(1)
				}
				once()
				if err == nil {
					hold(ctx, conn)
					flood.ended.Add(1)
				}
				if !sustained || ctx.Err() != nil {
					return
				}
				if err != nil {
					pause(ctx, 10*time.Millisecond)
				}
			}
		})
	}
	attempted.Wait()
	return flood, nil
}

// hold keeps a connection open until the target or the context ends it.
func hold(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	var buffer [512]byte
	for {
		if _, err := conn.Read(buffer[:]); err != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Opened counts the connections made so far, Ended those that are over, Failed the attempts that
// did not become a connection.
func (f *Flood) Opened() int { return int(f.opened.Load()) }

// Ended counts the connections that are over, mostly because the target closed them.
func (f *Flood) Ended() int { return int(f.ended.Load()) }

// Failed counts the attempts that did not become a connection.
func (f *Flood) Failed() int { return int(f.failed.Load()) }

// Close ends all connections and waits until they have.
func (f *Flood) Close() {
	f.cancel()
	f.running.Wait()
}

// openingBytes returns what a connection sends before it stalls.
func openingBytes(network string, stall Stall) ([]byte, error) {
	if stall == Silent {
		return nil, nil
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	certificate, _, err := wire.Certificate(private)
	if err != nil {
		return nil, err
	}
	hello := &recorder{}
	tls.Client(hello, wire.Config(certificate, wire.Protocol(network), func(wire.Key) error { return nil })).Handshake()
	if stall == Partial {
		return hello.written[:len(hello.written)/2], nil
	}
	return hello.written, nil
}

// recorder is a connection that keeps what is written, and on which nothing can be read.
type recorder struct {
	net.Conn
	written []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.written = append(r.written, b...)
	return len(b), nil
}

func (r *recorder) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (r *recorder) Close() error                     { return nil }
func (r *recorder) SetDeadline(time.Time) error      { return nil }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }
