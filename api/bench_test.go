package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/client"
)

func dial(b *testing.B, w *apitest.Network) *client.Client {
	b.Helper()
	c, err := client.New(client.Options{Endpoints: []client.Endpoint{{URL: w.Servers[0].URL()}}, Trust: client.GenesisAnchor(w.Genesis)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// BenchmarkSubmit has 64 clients that each wait for a verified receipt before the next transaction.
func BenchmarkSubmit(b *testing.B) {
	w := apitest.Start(b, apitest.Options{})
	c := dial(b, w)
	ctx := context.Background()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 64 {
		wg.Go(func() {
			for i := range work {
				o, err := c.Submit(ctx, []quoin.Transaction{apitest.Put(fmt.Sprint(i%10_000), "value", uint64(i), expiry(c))}, client.Certified)
				if err != nil || o[0].Stage != client.Certified {
					b.Errorf("%v %v", o, err)
				}
			}
		})
	}
	for i := 0; b.Loop(); i++ {
		work <- i
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
}

func expiry(c *client.Client) quoin.Height { return c.Verifier().Newest().Height + 2000 }

// BenchmarkStream sends batches of 400 transactions of 128 bytes on one stream: an iteration is one
// transaction.
func BenchmarkStream(b *testing.B) {
	for _, receipts := range []bool{false, true} {
		b.Run(fmt.Sprintf("receipts=%v", receipts), func(b *testing.B) {
			w := apitest.Start(b, apitest.Options{})
			c := dial(b, w)
			b.ReportAllocs()
			b.ResetTimer()
			stream(b, c, receipts, b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
		})
	}
}

func stream(b *testing.B, c *client.Client, receipts bool, total int) {
	const batch = 400
	s := c.Stream(context.Background(), receipts)
	defer s.Close()
	go func() {
		value := string(make([]byte, 90))
		for sent := 0; sent < total; {
			var txs []quoin.Transaction
			h, err := c.Checkpoint(context.Background())
			if err != nil && sent > 0 {
				b.Error(err)
			}
			for len(txs) < batch && sent < total {
				txs = append(txs, apitest.Put(fmt.Sprint(sent%100_000), value, uint64(sent), h.Checkpoint.Height+2000))
				sent++
			}
			if _, err := s.Send(txs); err != nil {
				b.Error(err)
				break
			}
		}
		if err := s.CloseSend(); err != nil {
			b.Error(err)
		}
	}()
	settled := 0
	for {
		e, err := s.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		for _, x := range e.Settled {
			if x.Stage == client.Certified {
				settled++
			}
		}
	}
	if settled != total {
		b.Errorf("%d of %d settled", settled, total)
	}
}
