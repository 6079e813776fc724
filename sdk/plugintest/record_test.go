package plugintest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
)

// notes is a machine that keeps what it is sent: "k=v" puts, "k" deletes, "!" panics, "?" is refused.
type notes struct{}

func (notes) Apply(r *hook.ApplyRequest, state hook.Access) hook.ApplyResponse {
	key, value, put := bytes.Cut(r.Payload, []byte("="))
	switch {
	case string(r.Payload) == "!":
		panic("as asked")
	case put:
		state.Put(key, value)
		state.Emit(key)
	default:
		state.Delete(key)
	}
	if string(r.Payload) == "?" {
		state.Put([]byte("dropped"), nil)
		return hook.ApplyResponse{Code: 7, Output: []byte("no")}
	}
	return hook.ApplyResponse{}
}

func (notes) Query(r *hook.QueryRequest, state hook.Reader) hook.QueryResponse {
	value, _ := state.Get(r.Payload)
	return hook.QueryResponse{Output: value}
}

func record(t *testing.T) *Record {
	t.Helper()
	c := NewRecorder(Native{Machine: notes{}}, []Pair{{[]byte("z"), []byte("old")}, {[]byte("a"), []byte{}}})
	for _, payload := range []string{"b=1", "a", "?", "!", "c=", "c=", "=none"} {
		request, err := (&hook.ApplyRequest{Height: 1, Payload: []byte(payload)}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Call(hook.Apply.Name, request); err != nil {
			t.Fatal(err)
		}
	}
	request, err := (&hook.QueryRequest{Payload: []byte("z")}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(hook.Query.Name, request); err != nil {
		t.Fatal(err)
	}
	return &c.Record
}

func TestARecordHoldsAnswersAndWrites(t *testing.T) {
	r := record(t)
	var got []string
	for i := range r.Calls {
		got = append(got, r.Calls[i].Answer.String())
	}
	want := []string{
		"response 00000000, event 62, 62 = 31",
		"response 00000000, deletes 61",
		"response 070000006e6f",
		"fault trap",
		"response 00000000, event 63, 63 = ",
		"response 00000000, event 63",
		"fault limit",
		"response 000000006f6c64",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("recorded:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := r.Verify(Native{Machine: notes{}}); err != nil {
		t.Error(err)
	}
}

func TestVerifyFindsADifference(t *testing.T) {
	r := record(t)
	r.State[1].Value = []byte("new")
	err := r.Verify(Native{Machine: notes{}})
	if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), "call 7") {
		t.Errorf("another namespace: %v", err)
	}
	if err := r.Verify(Native{}); err == nil || errors.Is(err, ErrDiffers) {
		t.Errorf("a plugin that serves nothing: %v", err)
	}
}

func TestARecordHasOneText(t *testing.T) {
	r := record(t)
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	again, err := ReadRecord(bytes.NewReader(text.Bytes()))
	if err != nil || !reflect.DeepEqual(again, r) {
		t.Fatalf("read again: %+v, %v", again, err)
	}
	lines := strings.SplitAfter(text.String(), "\n")
	for name, bad := range map[string]string{
		"empty":             "",
		"no header":         strings.Join(lines[1:], ""),
		"another format":    strings.Replace(text.String(), "record-1", "record-2", 1),
		"white space":       strings.Replace(text.String(), `"request":`, `"request": `, 1),
		"unknown field":     strings.Replace(text.String(), `{"operation"`, `{"extra":1,"operation"`, 1),
		"unknown operation": strings.Replace(text.String(), "v1.apply", "v9.apply", 1),
		"no request":        lines[0] + `{"operation":"machine.v1.apply","request":null}` + "\n",
		"fault and answer":  lines[0] + `{"operation":"machine.v1.apply","request":"","fault":"trap","response":"AA=="}` + "\n",
		"keys descend":      lines[0] + lines[2] + lines[1],
		"key after a call":  text.String() + lines[1],
		"key without value": lines[0] + `{"key":"YQ==","value":null}` + "\n",
		"cut":               text.String()[:text.Len()-10],
	} {
		if _, err := ReadRecord(strings.NewReader(bad)); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add([]byte("{\"format\":\"quoin-record-1\"}\n{\"key\":\"YQ==\",\"value\":\"\"}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadRecord(bytes.NewReader(b))
		if err != nil {
			return
		}
		var text bytes.Buffer
		if err := r.Write(&text); err != nil {
			t.Fatal(err)
		}
		if want := append(bytes.TrimSuffix(b, []byte("\n")), '\n'); !bytes.Equal(text.Bytes(), want) {
			t.Fatalf("%q was read, and written as %q", b, text.Bytes())
		}
	})
}
