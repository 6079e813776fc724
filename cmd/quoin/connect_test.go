package main

import (
	"errors"
	"testing"

	"connectrpc.com/connect"

	"quoin.dev/quoin/client"
)

// TestRefusalBesideANodeThatIsAway wants that what some node said is told, not that another was silent.
func TestRefusalBesideANodeThatIsAway(t *testing.T) {
	away := connect.NewError(connect.CodeUnavailable, errors.New("connection refused"))
	refused := &client.Error{Code: "not-administrator", Message: "needs an administrator", Endpoint: "https://127.0.0.1:1"}
	var f *fault
	if err := netFault(errors.Join(&client.Error{Message: "away"}, away, refused)); !errors.As(err, &f) || f.exit != exitRefused || f.code != refused.Code {
		t.Errorf("%+v, want what was refused", err)
	}
	if err := netFault(errors.Join(away, away)); !errors.As(err, &f) || f.exit != exitUnavailable {
		t.Errorf("%+v, want that no node answers", err)
	}
}
