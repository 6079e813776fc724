package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
)

// A key file is PEM with an Ed25519 private key in PKCS #8 (RFC 8410), as openssl writes it, and
// readable by its owner alone. A private key never leaves the machine that made it: what others
// need is the public key, 64 hexadecimal digits.

const keyBytesMax = 4 << 10

func newKey(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "key", Short: "Make and show Ed25519 keys; give up a member's"},
		newKeyNew(t), newKeyShow(t), newKeyRotate(t), newKeyRevoke(t))
}

func newKeyNew(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "new FILE", Short: "Make a key; an existing file is never overwritten", Args: args(1, 1),
		RunE: func(_ *cobra.Command, a []string) error {
			key, err := makeKey(a[0])
			if err != nil {
				return err
			}
			return t.showKey(a[0], key)
		},
	}
}

func newKeyShow(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "show FILE", Short: "Print a key file's public key", Args: args(1, 1),
		RunE: func(_ *cobra.Command, a []string) error {
			key, err := readKey(a[0])
			if err != nil {
				return err
			}
			return t.showKey(a[0], key)
		},
	}
}

func (t *terminal) showKey(path string, key ed25519.PrivateKey) error {
	public := publicOf(key)
	return t.data(map[string]string{"file": path, "public_key": public.String()}, func(w io.Writer) { fmt.Fprintln(w, public) })
}

func publicOf(key ed25519.PrivateKey) quoin.PublicKey {
	return quoin.PublicKey(key.Public().(ed25519.PublicKey))
}

// makeKey makes a key in a new file, durable before it is used: a key that signed something and
// was lost could not say what it signed.
func makeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, failure("no key could be made", err, "")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, failure("the key could not be encoded", err, "")
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeNew(path, text, 0o600); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, &fault{exit: exitUsage, code: "exists", what: path + " exists already", why: "a key that is overwritten is lost for ever", todo: "name another file, or show it with `quoin key show`"}
		}
		return nil, failure("the key could not be written", err, "")
	}
	return key, nil
}

func readKey(path string) (ed25519.PrivateKey, error) {
	b, err := readFile(path, keyBytesMax)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, usage(path+" is no key file", "make one with `quoin key new FILE`")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, &fault{exit: exitUsage, code: "usage", what: path + " is no key file", cause: err, todo: "make one with `quoin key new FILE`"}
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, usage(fmt.Sprintf("%s holds a %T, want an Ed25519 key", path, parsed), "make one with `quoin key new FILE`")
	}
	return key, nil
}

// keyAt reads a key, or makes it if there is none.
func keyAt(path string) (ed25519.PrivateKey, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	return readKey(path)
}

// readFile reads a whole file of limited size.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, failure(path+" cannot be read", err, "")
	}
	if int64(len(b)) > limit {
		return nil, usage(fmt.Sprintf("%s has more than %d bytes, which is too long for what it should be", path, limit), "check the path")
	}
	return b, nil
}

func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fault{exit: exitNotFound, code: "no-file", what: "there is no file " + path, cause: err, todo: "check the path"}
	}
	if err != nil {
		return nil, failure(path+" cannot be read", err, "check its permissions")
	}
	if s, err := f.Stat(); err == nil && s.IsDir() {
		f.Close()
		return nil, usage(path+" is a folder, not a file", "check the path")
	}
	return f, nil
}

// writeNew writes a file that must not exist yet, durably: after a crash it is there whole or not
// at all.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	return place(path, b, mode, os.Link) // which, unlike a rename, never replaces
}

// writeFile replaces a file at once and durably: after a crash it is the old one or the new one.
func writeFile(path string, b []byte, mode fs.FileMode) error {
	return place(path, b, mode, os.Rename)
}

func place(path string, b []byte, mode fs.FileMode, move func(from, to string) error) error {
	return placeStream(path, mode, move, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// writeStream is writeFile of what write writes; if it fails, path is left as it was.
func writeStream(path string, mode fs.FileMode, write func(w io.Writer) error) error {
	return placeStream(path, mode, os.Rename, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		return errors.Join(write(b), b.Flush())
	})
}

func placeStream(path string, mode fs.FileMode, move func(from, to string) error, write func(w io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // a rename has moved it already
	err = write(f)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := move(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
