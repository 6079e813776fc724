package plugintest

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
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

// Migrate notes the height.
func (notes) Migrate(r *hook.MigrateRequest, state hook.Access) hook.MigrateResponse {
	state.Put([]byte("height"), []byte{byte(r.Height)})
	return hook.MigrateResponse{Code: uint32(len(r.Params))}
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
		"batch operation":   strings.Replace(text.String(), "v1.apply", "v1.apply_batch", 1),
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

func TestNativeAnswersForEveryHook(t *testing.T) {
	n := Native{
		Leader:  hook.LeaderFunc(func(*hook.LeaderRequest) hook.LeaderResponse { return hook.LeaderResponse{Proposer: 1} }),
		Machine: notes{},
		Validation: hook.ValidationFunc(func(_ *hook.ValidationRequest, state hook.Reader) hook.ValidationResponse {
			if _, writes := state.(hook.Access); writes {
				return hook.ValidationResponse{Code: 1}
			}
			return hook.ValidationResponse{Code: 2}
		}),
		Finality:  hook.FinalityFunc(func(*hook.FinalityRequest) hook.FinalityResponse { return hook.FinalityResponse{Blocks: 1000} }),
		Pacemaker: hook.PacemakerFunc(func(*hook.PacemakerRequest) hook.PacemakerResponse { return hook.PacemakerResponse{} }),
		Priority:  hook.PriorityFunc(func(*hook.PriorityRequest) hook.PriorityResponse { return hook.PriorityResponse{Priority: 3} }),
	}
	leader := func(n int) hook.LeaderRequest {
		return hook.LeaderRequest{View: 1, Validators: slices.Repeat([]hook.Validator{{Weight: 1}}, n)}
	}
	one, two := leader(1), leader(2)
	asked := map[string]bool{}
	for _, c := range []struct {
		operation string
		request   interface{ Append([]byte) ([]byte, error) }
		want      string
	}{
		{hook.Lead.Name, &two, "response 01000000"},
		{hook.Lead.Name, &one, "fault output"},
		{hook.Apply.Name, &hook.ApplyRequest{Payload: []byte("k=v")}, "response 00000000, event 6b"},
		{hook.Migrate.Name, &hook.MigrateRequest{Height: 7, Params: []byte("two")}, "response 03000000"},
		{hook.Query.Name, &hook.QueryRequest{Payload: []byte("k")}, "response 0000000076"},
		{hook.Validate.Name, &hook.ValidationRequest{}, "response 02000000"},
		{hook.Delay.Name, &hook.FinalityRequest{}, "response 4000000060ea0000"},
		{hook.Timeout.Name, &hook.PacemakerRequest{View: 1, BuiltinMS: 40, MaxMS: 100}, "response 0a00000000000000"},
		{hook.Prioritize.Name, &hook.PriorityRequest{}, "response 0300000000000000"},
	} {
		asked[c.operation] = true
		request, err := c.request.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		state := NewState([]Pair{{[]byte("k"), []byte("v")}})
		if got, err := n.Answer(c.operation, request, state); err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v; want %s", c.operation, &got, err, c.want)
		}
	}
	for _, h := range hook.All() {
		for _, o := range h.Operations {
			if !o.Batch && !asked[o.Name] {
				t.Errorf("%s is not asked", o.Name)
			}
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
