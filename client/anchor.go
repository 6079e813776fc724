package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"quoin.dev/quoin"
)

// ErrAnchor is wrapped by every refusal of a trust anchor.
var ErrAnchor = errors.New("client: trust anchor refused")

// Anchor is what a client trusts without proof: a chain's genesis, or the configuration of a later
// epoch that it has verified and saved. Everything else is verified from here. An Anchor never comes
// from a server or a proof file.
type Anchor struct {
	Origin        quoin.Origin
	Time          quoin.Time          // when it was last known to be good: of the genesis, or of the newest certificate verified
	Configuration quoin.Configuration // of the epoch that is trusted; its First is the first height of the epoch
}

// GenesisAnchor returns the anchor that a genesis is.
func GenesisAnchor(g *quoin.Genesis) Anchor {
	return Anchor{Origin: g.Origin(), Time: g.Time, Configuration: g.Configuration}
}

// CheckAge refuses an anchor that is older than the trust period: validators that left long ago have
// nothing to lose any more, so their signatures prove nothing. A period of 0 is without limit.
func (a *Anchor) CheckAge(now time.Time, period time.Duration) error {
	age := now.Sub(time.UnixMilli(int64(a.Time)))
	if period > 0 && age > period {
		return fmt.Errorf("%w: it is %s old and the trust period is %s; get a newer one from somebody you trust", ErrAnchor, age.Round(time.Second), period)
	}
	return nil
}

// anchorFormat names the form of a saved anchor.
const anchorFormat = "quoin-anchor/v1"

type anchorFile struct {
	Format        string       `json:"format"`
	Origin        quoin.Origin `json:"origin"`
	TimeMS        quoin.Time   `json:"time_ms"`
	Configuration []byte       `json:"configuration"` // canonical bytes
}

// MarshalJSON writes a saved anchor.
func (a *Anchor) MarshalJSON() ([]byte, error) {
	return json.Marshal(anchorFile{anchorFormat, a.Origin, a.Time, a.Configuration.AppendBinary(nil)})
}

// UnmarshalJSON reads a saved anchor.
func (a *Anchor) UnmarshalJSON(b []byte) error {
	var f anchorFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return fmt.Errorf("%w: %w", ErrAnchor, err)
	}
	if f.Format != anchorFormat || f.Origin == "" {
		return fmt.Errorf("%w: it is no saved anchor of the format %s", ErrAnchor, anchorFormat)
	}
	c, err := quoin.DecodeConfiguration(f.Configuration)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnchor, err)
	}
	*a = Anchor{Origin: f.Origin, Time: f.TimeMS, Configuration: c}
	return nil
}
