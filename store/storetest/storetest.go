// Package storetest is the conformance suite of store.Store: every implementation
// passes it.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/store"
)

// Run runs the suite. open returns a new empty store, which the suite closes.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		test func(*suite)
	}{
		{"empty", testEmpty},
		{"set, overwrite, delete", testSet},
		{"scan bounds", testScan},
		{"delete range", testDeleteRange},
		{"order within a batch", testOrder},
		{"copies", testCopies},
		{"odd keys", testOddKeys},
		{"limits", testLimits},
		{"large batch", testLarge},
		{"close", testClose},
		{"random against a model", testRandom},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{T: t, Store: open(t)}
			c.test(s)
			if !s.closed {
				s.check(s.Close())
			}
		})
	}
}

type suite struct {
	*testing.T
	store.Store
	closed bool
}

func (s *suite) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// apply applies the batch that fill makes.
func (s *suite) apply(durable bool, fill func(b *store.Batch)) {
	s.Helper()
	var b store.Batch
	fill(&b)
	s.check(s.Apply(&b, durable))
}

// expect compares the pairs in [from, to), written "key=value key=value".
func (s *suite) expect(from, to []byte, want string) {
	s.Helper()
	var got []string
	s.check(s.Scan(from, to, func(key, value []byte) bool {
		got = append(got, string(key)+"="+string(value))
		return true
	}))
	if strings.Join(got, " ") != want {
		s.Fatalf("scan [%q, %q): got %q, want %q", from, to, got, want)
	}
}

// expectGet compares one key; want "" with ok false is its absence.
func (s *suite) expectGet(key, want string, wantOK bool) {
	s.Helper()
	value, ok, err := s.Get([]byte(key))
	s.check(err)
	if ok != wantOK || string(value) != want {
		s.Fatalf("get %q: %q, %t; want %q, %t", key, value, ok, want, wantOK)
	}
}

func testEmpty(s *suite) {
	s.expectGet("a", "", false)
	s.expect(nil, nil, "")
	for _, durable := range []bool{false, true} {
		s.apply(durable, func(*store.Batch) {})
		s.apply(durable, func(b *store.Batch) {
			b.Delete([]byte("a"))
			b.DeleteRange(nil, nil)
			b.DeleteRange([]byte("a"), []byte("b"))
		})
	}
	s.expect(nil, nil, "")
}

func testSet(s *suite) {
	s.apply(true, func(b *store.Batch) {
		b.Set([]byte("b"), []byte("1"))
		b.Set([]byte("a"), []byte("2"))
		b.Set([]byte("c"), nil)
	})
	s.expect(nil, nil, "a=2 b=1 c=")
	s.expectGet("c", "", true)
	s.apply(false, func(b *store.Batch) {
		b.Set([]byte("a"), []byte("33"))
		b.Delete([]byte("b"))
		b.Delete([]byte("x"))
	})
	s.expect(nil, nil, "a=33 c=")
	s.expectGet("a", "33", true)
	s.expectGet("b", "", false)
	s.expectGet("", "", false)
}

func testScan(s *suite) {
	s.apply(false, func(b *store.Batch) {
		for _, key := range []string{"a", "aa", "ab", "b", "c"} {
			b.Set([]byte(key), []byte("v"))
		}
	})
	for _, c := range []struct{ from, to, want string }{
		{"", "-", "a=v aa=v ab=v b=v c=v"},
		{"a", "b", "a=v aa=v ab=v"},
		{"aa", "aa", ""},
		{"b", "a", ""},
		{"aaa", "bb", "ab=v b=v"},
		{"c", "-", "c=v"},
		{"d", "-", ""},
	} {
		to := []byte(c.to)
		if c.to == "-" {
			to = nil
		}
		s.expect([]byte(c.from), to, c.want)
	}
	s.expect(nil, []byte{}, "") // an empty end is an end, not an open one
	s.expect([]byte("a"), store.PrefixEnd([]byte("a")), "a=v aa=v ab=v")
	seen := 0
	s.check(s.Scan(nil, nil, func(key, _ []byte) bool {
		seen++
		s.expectGet(string(key), "v", true) // reading inside is allowed
		return seen < 3
	}))
	if seen != 3 {
		s.Fatalf("scan went on to %d keys after it was told to stop at 3", seen)
	}
}

func testDeleteRange(s *suite) {
	fill := func() {
		s.apply(false, func(b *store.Batch) {
			for _, key := range []string{"", "a", "b", "c", "\xff", "\xff\xff\xff"} {
				b.Set([]byte(key), []byte("v"))
			}
		})
	}
	for _, c := range []struct {
		from, to []byte
		want     string
	}{
		{[]byte("a"), []byte("c"), "=v c=v \xff=v \xff\xff\xff=v"},
		{[]byte("b"), nil, "=v a=v"},
		{nil, []byte("b"), "b=v c=v \xff=v \xff\xff\xff=v"},
		{nil, nil, ""},
		{[]byte("b"), []byte("b"), "=v a=v b=v c=v \xff=v \xff\xff\xff=v"},
		{[]byte("c"), []byte("b"), "=v a=v b=v c=v \xff=v \xff\xff\xff=v"},
		{[]byte("b"), []byte{}, "=v a=v b=v c=v \xff=v \xff\xff\xff=v"},
		{[]byte("\xff"), store.PrefixEnd([]byte("\xff")), "=v a=v b=v c=v"},
	} {
		fill()
		s.apply(true, func(b *store.Batch) { b.DeleteRange(c.from, c.to) })
		s.expect(nil, nil, c.want)
	}
	longest := strings.Repeat("\xff", store.KeyBytesMax)
	s.apply(false, func(b *store.Batch) {
		b.Set([]byte(longest), nil)
		b.DeleteRange([]byte("x"), nil)
	})
	s.expectGet(longest, "", false)
}

func testOrder(s *suite) {
	s.apply(false, func(b *store.Batch) {
		b.Set([]byte("a"), []byte("1"))
		b.Set([]byte("a"), []byte("2"))
		b.Set([]byte("b"), []byte("1"))
		b.Delete([]byte("b"))
		b.Delete([]byte("c"))
		b.Set([]byte("c"), []byte("1"))
		b.Set([]byte("d"), []byte("1"))
		b.DeleteRange([]byte("d"), nil)
		b.Set([]byte("e"), []byte("1"))
	})
	s.expect(nil, nil, "a=2 c=1 e=1")
}

func testCopies(s *suite) {
	key, value := []byte("key"), []byte("value")
	var b store.Batch
	b.Set(key, value)
	key[0], value[0] = 'X', 'X'
	s.check(s.Apply(&b, false))
	b.Reset()
	b.Set([]byte("yek"), []byte("eulav"))
	s.expect(nil, nil, "key=value")
	got, _, err := s.Get([]byte("key"))
	s.check(err)
	got[0] = 'X'
	_ = append(got, 'X')
	s.expectGet("key", "value", true)
	s.check(s.Apply(&b, true))
	s.check(s.Apply(&b, true)) // a batch may be applied again
	s.expect(nil, nil, "key=value yek=eulav")
}

func testOddKeys(s *suite) {
	keys := []string{"", "\x00", "\x00\x00", "\x00\xff", "a", "a\x00", "\xff", "\xff\x00", "\xff\xff", strings.Repeat("k", store.KeyBytesMax)}
	s.apply(true, func(b *store.Batch) {
		for _, key := range keys {
			b.Set([]byte(key), []byte(key))
		}
	})
	slices.Sort(keys)
	var got []string
	s.check(s.Scan(nil, nil, func(key, value []byte) bool {
		if !bytes.Equal(key, value) {
			s.Fatalf("key %q has the value of %q", key, value)
		}
		got = append(got, string(key))
		return true
	}))
	if !slices.Equal(got, keys) {
		s.Fatalf("got %q, want %q", got, keys)
	}
	for _, key := range keys {
		s.expectGet(key, key, true)
	}
}

func testLimits(s *suite) {
	refuse := func(what string, fill func(b *store.Batch)) {
		s.Helper()
		var b store.Batch
		b.Set([]byte("other"), nil)
		fill(&b)
		if err := s.Apply(&b, true); !errors.Is(err, store.ErrTooLarge) {
			s.Fatalf("%s: %v", what, err)
		}
	}
	long := make([]byte, store.KeyBytesMax+1)
	refuse("long key", func(b *store.Batch) { b.Set(long, nil) })
	refuse("long deleted key", func(b *store.Batch) { b.Delete(long) })
	refuse("long end", func(b *store.Batch) { b.DeleteRange(nil, bytes.Repeat([]byte{1}, len(long))) })
	refuse("long value", func(b *store.Batch) { b.Set(nil, make([]byte, store.ValueBytesMax+1)) })
	s.expect(nil, nil, "")
	s.apply(true, func(b *store.Batch) { b.Set([]byte("a"), []byte("still usable")) })
	s.expect(nil, nil, "a=still usable")
}

func testLarge(s *suite) {
	const keys = 20_000
	value := bytes.Repeat([]byte{'v'}, 100)
	s.apply(true, func(b *store.Batch) {
		for i := range keys {
			// 7919 is prime to keys, so each key comes once, out of order.
			b.Set(fmt.Appendf(nil, "%08d", i*7919%keys), value)
		}
		b.Set([]byte("long"), bytes.Repeat(value, 1<<16))
	})
	next := 0
	s.check(s.Scan(nil, []byte("a"), func(key, _ []byte) bool {
		if string(key) != fmt.Sprintf("%08d", next) {
			s.Fatalf("got key %q, want %d", key, next)
		}
		next++
		return true
	}))
	if next != keys {
		s.Fatalf("%d keys, want %d", next, keys)
	}
	got, ok, err := s.Get([]byte("long"))
	s.check(err)
	if !ok || len(got) != 100<<16 {
		s.Fatalf("long value has %d bytes", len(got))
	}
}

func testClose(s *suite) {
	s.apply(true, func(b *store.Batch) { b.Set([]byte("a"), nil) })
	s.check(s.Close())
	s.closed = true
	_, _, err := s.Get([]byte("a"))
	for i, err := range []error{
		err,
		s.Scan(nil, nil, func(_, _ []byte) bool { return true }),
		s.Apply(new(store.Batch), false),
		s.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			s.Fatalf("call %d after Close: %v", i, err)
		}
	}
}

// testRandom compares the store with a map after each of many batches.
func testRandom(s *suite) {
	const seed = 1
	choose := disk.Choices(seed)
	model := map[string]string{}
	randomKey := func() []byte { return fmt.Appendf(nil, "%03x", choose(600)) }
	for round := range 150 {
		s.apply(choose(3) == 0, func(b *store.Batch) {
			for range choose(40) {
				switch key := randomKey(); choose(12) {
				case 0:
					to := randomKey()
					b.DeleteRange(key, to)
					maps.DeleteFunc(model, func(k, _ string) bool { return k >= string(key) && k < string(to) })
				case 1, 2, 3:
					b.Delete(key)
					delete(model, string(key))
				default:
					value := fmt.Sprint(round, choose(1000))
					b.Set(key, []byte(value))
					model[string(key)] = value
				}
			}
		})
		from, to := randomKey(), randomKey()
		var want []string
		for _, key := range slices.Sorted(maps.Keys(model)) {
			if key >= string(from) && key < string(to) {
				want = append(want, key+"="+model[key])
			}
		}
		s.expect(from, to, strings.Join(want, " "))
		key := string(randomKey())
		value, ok := model[key]
		s.expectGet(key, value, ok)
	}
}
