package state

import (
	"encoding/hex"
	"strings"
	"testing"

	"quoin.dev/quoin/store"
)

// TestGolden pins the format: whatever changes one of these hashes forks every network. They come
// from a program in another language that was written from the package doc.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []testWrite
		want   string
	}{
		{"nothing", nil, "7ea086552afdc641e4adc5ae6be0bc45daac5614c5f4c346529923da7bebff8d"},
		{"one key", []testWrite{{"kv", "hello", "world"}}, "3241c2dd5e2cd158b0162eed86a89a1217aef9d9fa4909740d8befa1de4d8b72"},
		{"an empty value", []testWrite{{"kv", "hello", ""}}, "b68f68ab30b19e60894c6c37b0d2349c9bd4b766b2518268c5ba3b04085c9828"},
		{"two namespaces", []testWrite{{"kv", "hello", "world"}, {"bank", "hello", "world"}}, "d6f80549d6dcdca244514bf9eb9f4acb8d5ac3c1a75f2e02727a6474805bb142"},
		{"1000 keys", manyWrites(1000), "dcd4368334c2cdb83c0f73c1adc611bff5725d8a2c8314ff5b416da99729dcd0"},
	} {
		s, _ := openWith(t, Options{}, c.writes...)
		if got := s.Root().String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestGoldenProof pins the bytes of a proof.
func TestGoldenProof(t *testing.T) {
	s, _ := openWith(t, Options{}, testWrite{"kv", "hello", "world"}, testWrite{"kv", "a", "1"}, testWrite{"kv", "b", "2"})
	for key, want := range map[string]string{
		"hello": "010001026b7686a2ce83e9cbedec2eeaa563f9fa42306222339ec801a22c6eff0acb996b00d1000490565388d4bc00257133f799d9366ac97f6e949c18acc53d17457f8859ba0f08d39a958649c9e8e0668b509754fd662e5e68b0a04c203a6fb7ebaf19a65d1e3e1d00000005776f726c64",
		"other": "020001026b7686a2ce83e9cbedec2eeaa563f9fa42306222339ec801a22c6eff0acb996b00d1000180c509c19ba254883172ade703ba57378374cf0ebfce80d9850c72a8969075ae46ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
	} {
		p, err := s.Prove("kv", []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(b); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

// TestGoldenStore pins what is in the store, without which an upgrade could not read it.
func TestGoldenStore(t *testing.T) {
	_, m := openWith(t, Options{FlushTouched: 2}, testWrite{"kv", "hello", "world"})
	var lines []string
	err := m.Scan(nil, nil, func(key, value []byte) bool {
		lines = append(lines, hex.EncodeToString(key)+" "+hex.EncodeToString(value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `536b026b7668656c6c6f 
536d 01000000000000000100000000000000010001026b763cbf64a36f501c3d4341609c18f9f0ddf2d5dc510e73e100a903adb7385e992500000001000000000000000a
5372026b762cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 000568656c6c6f776f726c64
53740000000000000001 026b76000000012cf24dba5fb0a30e`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the store holds\n%s\nwant\n%s", got, want)
	}
	_, m = openWith(t, Options{FlushTouched: 1}, manyWrites(3000)...)
	h := KeyHash(nil)
	from, to := []byte{storePrefix, kindPage}, store.PrefixEnd([]byte{storePrefix, kindPage})
	err = m.Scan(from, to, func(key, value []byte) bool {
		h = KeyHash([]byte(h.String() + string(key) + string(value)))
		return true
	})
	if want := "23d5a39511f883f7c6116e262d6b9207ecc11028eb389840fcec6934c74886a2"; err != nil || h.String() != want {
		t.Errorf("the pages hash to %s %v, want %s", h, err, want)
	}
}
