package client

import "errors"

// RefusalCode returns the stable name of what this package refused: "anchor", "epoch-unknown", "fork" or
// "proof"; "" for another error.
func RefusalCode(err error) string {
	switch {
	case errors.Is(err, ErrAnchor):
		return "anchor"
	case errors.Is(err, ErrEpochUnknown):
		return "epoch-unknown"
	case errors.Is(err, ErrFork):
		return "fork"
	case errors.Is(err, ErrProof):
		return "proof"
	}
	return ""
}
