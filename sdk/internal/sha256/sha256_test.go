package sha256

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

func TestEqualsTheStandardLibrary(t *testing.T) {
	for n := range 300 {
		b := bytes.Repeat([]byte{byte(n), 0xff, 0x80, 3}, n)[:n]
		if got, want := Sum256(b), sha256.Sum256(b); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

func FuzzEqualsTheStandardLibrary(f *testing.F) {
	f.Add([]byte("abc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := Sum256(b), sha256.Sum256(b); got != want {
			t.Fatalf("%x: %x, want %x", b, got, want)
		}
	})
}
