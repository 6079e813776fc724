package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/governance/audit/audittest"
)

// book is a history in lines, with the fields of each.
type book struct {
	lines  [][]byte
	events []int // places of the lines of events
}

func read(t testing.TB, file []byte) *book {
	t.Helper()
	b := &book{lines: bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))}
	for i, line := range b.lines {
		if bytes.HasPrefix(line, []byte(`{"line":"event"`)) {
			b.events = append(b.events, i)
		}
	}
	return b
}

func (b *book) file() []byte { return append(bytes.Join(b.lines, []byte("\n")), '\n') }

func (b *book) copy() *book { return &book{slices.Clone(b.lines), b.events} }

// kind returns the places of the lines of a kind.
func (b *book) kind(kind string) (places []int) {
	for i, line := range b.lines {
		if bytes.HasPrefix(line, []byte(`{"line":"`+kind+`"`)) {
			places = append(places, i)
		}
	}
	return places
}

// field returns a field of a line as it is written.
func (b *book) field(t testing.TB, place int, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b.lines[place], &m); err != nil {
		t.Fatal(err)
	}
	return string(m[name])
}

// set changes a field of a line that has it.
func (b *book) set(t testing.TB, place int, name, value string) {
	t.Helper()
	old := fmt.Sprintf("%q:%s", name, b.field(t, place, name))
	if !bytes.Contains(b.lines[place], []byte(old)) {
		t.Fatalf("line %d has no %s", place+1, old)
	}
	b.lines[place] = bytes.Replace(b.lines[place], []byte(old), []byte(fmt.Sprintf("%q:%s", name, value)), 1)
}

// flipped changes one bit in the middle of a binary field.
func (b *book) flipped(t testing.TB, place int, name string) string {
	t.Helper()
	var raw []byte
	if err := json.Unmarshal([]byte(b.field(t, place, name)), &raw); err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 4
	changed, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// renumbered gives the events from a place on the numbers that they would have with others gone.
func (b *book) renumbered(t testing.TB, from int, by int) {
	t.Helper()
	for i := from; i < len(b.lines); i++ {
		if n := b.field(t, i, "event"); n != "" {
			var number int
			fmt.Sscan(n, &number)
			b.set(t, i, "event", fmt.Sprint(number+by))
		}
	}
}

// tampering is one way to alter the history at its n-th event, and what verifying must say.
type tampering struct {
	name  string
	apply func(t testing.TB, b, other *book, n int)
	code  func(n, last int) audit.Code
	event func(n, last int) int
}

func always(c audit.Code) func(int, int) audit.Code {
	return func(int, int) audit.Code { return c }
}

// unlessLast is truncated if nothing comes after.
func unlessLast(c audit.Code) func(int, int) audit.Code {
	return func(n, last int) audit.Code {
		if n == last {
			return audit.Truncated
		}
		return c
	}
}

func itself(n, _ int) int { return n }
func next(n, _ int) int   { return n + 1 }

var tamperings = []tampering{
	{"body altered", func(t testing.TB, b, _ *book, n int) {
		i := b.events[n-1]
		b.set(t, i, "bytes", b.flipped(t, i, "bytes"))
	}, always(audit.Altered), itself},
	{"proof altered", func(t testing.TB, b, _ *book, n int) {
		i := b.events[n-1]
		b.set(t, i, "path", b.flipped(t, i, "path"))
	}, always(audit.Altered), itself},
	{"proof of another event", func(t testing.TB, b, _ *book, n int) {
		b.set(t, b.events[n-1], "path", b.field(t, b.events[n%len(b.events)], "path"))
	}, always(audit.Altered), itself},
	{"removed", func(_ testing.TB, b, _ *book, n int) {
		b.lines = slices.Delete(b.lines, b.events[n-1], b.events[n-1]+1)
	}, unlessLast(audit.Missing), itself},
	{"removed, and the others renumbered", func(t testing.TB, b, _ *book, n int) {
		b.lines = slices.Delete(b.lines, b.events[n-1], b.events[n-1]+1)
		b.renumbered(t, b.events[n-1], -1)
	}, unlessLast(audit.Altered), itself},
	{"inserted twice", func(_ testing.TB, b, _ *book, n int) {
		b.lines = slices.Insert(b.lines, b.events[n-1]+1, b.lines[b.events[n-1]])
	}, always(audit.Inserted), next},
	{"inserted twice, and the others renumbered", func(t testing.TB, b, _ *book, n int) {
		b.lines = slices.Insert(b.lines, b.events[n-1]+1, b.lines[b.events[n-1]])
		b.renumbered(t, b.events[n-1]+1, 1)
	}, func(n, last int) audit.Code {
		if n == last {
			return audit.Inserted
		}
		return audit.Altered
	}, next},
	{"swapped with its neighbour", func(_ testing.TB, b, _ *book, n int) {
		n = min(n, len(b.events)-1)
		b.lines[b.events[n-1]], b.lines[b.events[n]] = b.lines[b.events[n]], b.lines[b.events[n-1]]
	}, always(audit.Missing), func(n, last int) int { return min(n, last-1) }},
	{"of another chain", func(_ testing.TB, b, other *book, n int) {
		b.lines[b.events[n-1]] = other.lines[other.events[n-1]]
	}, always(audit.Altered), itself},
	{"bytes of another chain", func(t testing.TB, b, other *book, n int) {
		b.set(t, b.events[n-1], "bytes", other.field(t, other.events[n-1], "bytes"))
	}, always(audit.Altered), itself},
	{"words that lie about when", func(t testing.TB, b, _ *book, n int) { b.set(t, b.events[n-1], "height", "77777") }, always(audit.Text), itself},
	{"words that lie about what", func(t testing.TB, b, _ *book, n int) {
		b.set(t, b.events[n-1], "what", `"approves everything"`)
	}, always(audit.Text), itself},
	{"words that hide the kind", func(t testing.TB, b, _ *book, n int) { b.set(t, b.events[n-1], "kind", `"ready"`+"") }, always(audit.Text), itself},
	{"words that are not there", func(t testing.TB, b, _ *book, n int) {
		i := b.events[n-1]
		b.lines[i] = bytes.Replace(b.lines[i], []byte(`,"bytes":`), []byte(`,"became":[{"proposal":1,"to":"active"}],"bytes":`), 1)
		if bytes.Count(b.lines[i], []byte(`"became"`)) == 2 {
			b.set(t, i, "became", "[]")
		}
	}, nil, itself},
	{"another form of the same", func(_ testing.TB, b, _ *book, n int) {
		i := b.events[n-1]
		b.lines[i] = append(bytes.TrimSuffix(slices.Clone(b.lines[i]), []byte("}")), []byte(`,"more":1}`)...)
	}, always(audit.Format), itself},
	{"a line of something else", func(_ testing.TB, b, _ *book, n int) { b.lines[b.events[n-1]] = []byte("{}") }, always(audit.Format), itself},
	{"cut off", func(_ testing.TB, b, _ *book, n int) { b.lines = b.lines[:b.events[n-1]] }, nil, nil},
}

// check reports how a verification of a tampered file was wrong.
func (x *tampering) check(err error, n, last int) error {
	var f *audit.Fault
	if !errors.As(err, &f) {
		return fmt.Errorf("%s at event %d of %d: %v", x.name, n, last, err)
	}
	if x.code != nil && f.Code != x.code(n, last) {
		return fmt.Errorf("%s at event %d of %d: code %s, want %s: %v", x.name, n, last, f.Code, x.code(n, last), f)
	}
	if x.event != nil && f.Event != uint64(x.event(n, last)) {
		return fmt.Errorf("%s at event %d of %d: names event %d, want %d: %v", x.name, n, last, f.Event, x.event(n, last), f)
	}
	return nil
}

func TestTheFirstAlteredEntryIsNamed(t *testing.T) {
	c, file := history(t, "acme", 100, 200, 300)
	_, foreign := history(t, "bolt", 100, 200, 300)
	whole, other := read(t, file), read(t, foreign)
	last := len(whole.events)
	caught := map[audit.Flaw]int{}
	for i := range tamperings {
		x := &tamperings[i]
		for _, n := range []int{1, 2, last / 2, last} {
			b := whole.copy()
			x.apply(t, b, other, n)
			tampered := b.file()
			if bytes.Equal(tampered, file) {
				continue // the words were these
			}
			_, err := audit.Verify(bytes.NewReader(tampered), options(c), nil)
			if wrong := x.check(err, n, last); wrong != nil {
				t.Error(wrong)
			}
			for _, flaw := range planted(n == 2 || n == last) {
				_, err := audit.VerifyWith(flaw, bytes.NewReader(tampered), options(c))
				if x.check(err, n, last) != nil {
					caught[flaw]++
				}
			}
		}
	}
	for _, flaw := range planted(true) {
		if caught[flaw] == 0 {
			t.Errorf("planted bug %d is not found: this test would not find it either", flaw)
		}
	}
}

func planted(here bool) []audit.Flaw {
	if !here {
		return nil
	}
	return []audit.Flaw{audit.NoProofs, audit.NoWords, audit.NoEnd}
}

func TestATruncatedFileSaysHowMuchIsThere(t *testing.T) {
	c, file := history(t, "acme", 100)
	b := read(t, file)
	b.lines = b.lines[:b.events[41]]
	_, err := audit.Verify(bytes.NewReader(b.file()), options(c), nil)
	if want := fmt.Sprintf("at event 41 of %d certified", c.Events()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	_, err = audit.Verify(bytes.NewReader(file[:len(file)-1]), options(c), nil)
	var f *audit.Fault
	if !errors.As(err, &f) || f.Code != audit.Truncated {
		t.Errorf("without its last byte: %v", err)
	}
	_, err = audit.Verify(bytes.NewReader(nil), options(c), nil)
	if !errors.As(err, &f) || f.Code != audit.Truncated {
		t.Errorf("an empty file: %v", err)
	}
}

func TestCertificatesAndGenesesAreNotBelieved(t *testing.T) {
	c, file := history(t, "acme", 60, 120)
	foreignChain, foreign := history(t, "bolt", 60, 120)
	whole, other := read(t, file), read(t, foreign)
	handovers, checkpoints := whole.kind("handover"), whole.kind("checkpoint")
	later := handovers[slices.IndexFunc(handovers, func(place int) bool { return place > checkpoints[0] })] // the first that is needed there alone
	for _, x := range []struct {
		name  string
		apply func(b *book)
		code  audit.Code
		line  int
	}{
		{"the genesis of another chain", func(b *book) { b.lines[0] = other.lines[0] }, audit.Chain, 1},
		{"a name of the genesis altered", func(b *book) {
			b.lines[0] = bytes.Replace(b.lines[0], []byte(`"network":"acme"`), []byte(`"network":"acne"`), 1)
		}, audit.Chain, 1},
		{"an origin that is not the genesis'", func(b *book) { b.set(t, 0, "origin", `"acme/main/x"`) }, audit.Text, 1},
		{"another format", func(b *book) { b.set(t, 0, "format", `"quoin-audit/v2"`) }, audit.Format, 1},
		{"no header", func(b *book) { b.lines = b.lines[1:] }, audit.Order, 1},
		{"two headers", func(b *book) { b.lines = slices.Insert(b.lines, 1, b.lines[0]) }, audit.Order, 2},
		{"a handover that is altered", func(b *book) { b.set(t, handovers[1], "certificate", b.flipped(t, handovers[1], "certificate")) }, audit.Handover, handovers[1] + 1},
		{"a configuration that is altered", func(b *book) { b.set(t, handovers[1], "proof", b.flipped(t, handovers[1], "proof")) }, audit.Handover, handovers[1] + 1},
		{"a handover of another chain", func(b *book) { b.lines[handovers[0]] = other.lines[other.kind("handover")[0]] }, audit.Handover, handovers[0] + 1},
		{"a handover that is not there", func(b *book) { b.lines = slices.Delete(b.lines, handovers[0], handovers[0]+1) }, audit.Handover, handovers[0] + 1},
		{"a handover earlier than it is needed", func(b *book) {
			moved := b.lines[later]
			b.lines = slices.Insert(slices.Delete(b.lines, later, later+1), checkpoints[0], moved)
		}, audit.Order, checkpoints[0] + 2},
		{"a handover among the events of the epoch before", func(b *book) {
			moved := b.lines[later]
			b.lines = slices.Insert(slices.Delete(b.lines, later, later+1), b.events[1], moved)
		}, audit.Order, whole.events[1] + 2},
		{"a handover that certifies nothing", func(b *book) {
			b.lines = b.lines[:handovers[1]+1]
		}, audit.Truncated, handovers[1] + 1},
		{"a handover whose words lie", func(b *book) { b.set(t, handovers[1], "first", "1") }, audit.Text, handovers[1] + 1},
		{"a checkpoint that is altered", func(b *book) { b.set(t, checkpoints[1], "certificate", b.flipped(t, checkpoints[1], "certificate")) }, audit.Checkpoint, checkpoints[1] + 1},
		{"a checkpoint of another chain", func(b *book) { b.lines[checkpoints[0]] = other.lines[other.kind("checkpoint")[0]] }, audit.Checkpoint, checkpoints[0] + 1},
		{"a count that lies", func(b *book) { b.set(t, checkpoints[0], "events", "7") }, audit.Text, checkpoints[0] + 1},
		{"a proof of another checkpoint", func(b *book) {
			b.set(t, checkpoints[1], "proof", b.field(t, checkpoints[0], "proof"))
		}, audit.Checkpoint, checkpoints[1] + 1},
		{"an older checkpoint again", func(b *book) { b.lines[checkpoints[1]] = b.lines[checkpoints[0]] }, audit.Order, checkpoints[1] + 1},
		{"no checkpoint", func(b *book) { b.lines = slices.Delete(b.lines, checkpoints[0], checkpoints[0]+1) }, audit.Inserted, checkpoints[0] + 1},
	} {
		b := whole.copy()
		x.apply(b)
		_, err := audit.Verify(bytes.NewReader(b.file()), options(c), nil)
		var f *audit.Fault
		if !errors.As(err, &f) || f.Code != x.code || f.Line != uint64(x.line) {
			t.Errorf("%s: %v, want code %s in line %d", x.name, err, x.code, x.line)
		}
	}
	if _, err := audit.Verify(bytes.NewReader(foreign), options(c), nil); err == nil {
		t.Error("the whole history of another chain was believed")
	}
	if _, err := audit.Verify(bytes.NewReader(foreign), options(foreignChain), nil); err != nil {
		t.Error(err)
	}
}

// What validators certified is believed to be what happened, but not to be lawful.
func TestAQuorumCannotCertifyWhatTheRulesForbid(t *testing.T) {
	for _, x := range []struct {
		name string
		do   func(c *audittest.Chain)
	}{
		{"an approval by nobody", (*audittest.Chain).ForgeApproval},
		{"an epoch without a decision", (*audittest.Chain).ForgeEpoch},
		{"a decision that is passed over", (*audittest.Chain).ForgeSilence},
		{"a hash over other events", (*audittest.Chain).ForgeHead},
		{"an event of an unknown kind", (*audittest.Chain).ForgeKind},
		{"a result that is not the command's", (*audittest.Chain).ForgeOutput},
	} {
		c := audittest.New(t, "acme", execution.Environment())
		c.Grow(60)
		honest := c.Events()
		x.do(c)
		err := c.TryWrite(new(bytes.Buffer), options(c))
		var f *audit.Fault
		if !errors.As(err, &f) || f.Code != audit.Unlawful {
			t.Errorf("%s: %v", x.name, err)
		} else if f.Verified < honest {
			t.Errorf("%s: %d events were verified, %d are honest: %v", x.name, f.Verified, honest, err)
		} else {
			t.Logf("%s: %v", x.name, err)
		}
	}
}
