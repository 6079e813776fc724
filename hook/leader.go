package hook

import (
	"encoding/binary"
	"math/bits"
)

// Limits of the leader's messages.
const (
	ValidatorsMax = 1024 // validators of one chain
	WindowMax     = 64   // recent blocks in a request
	ParamsMax     = 4096 // bytes of a binding's parameters

	TotalWeightMax = 1 << 62 // sum of the validators' weights, so that sums never overflow
)

// LeaderRequest asks for the proposer of one view. The answer must be a function of the
// request alone: every voter asks the same question about a proposal and must get the same
// answer, whatever it has seen or not seen itself.
//
// # The seed and who can bias it
//
// Seed is the same for all views of an epoch. It is a chain of hashes over the boundary of
// the epochs before it on the proposal's own ancestor chain: the seed of epoch 1 is derived
// from the genesis, and that of epoch e+1 from the seed of e and the id of the last block of
// e. Nobody outside can bias it. Inside, only who proposes the last block of an epoch, or
// the few views that could still become the last block, has a say: by choosing what goes
// into the block (transactions, their order, the time in milliseconds within the allowed
// drift) or by withholding it and leaving the block to the next leader. Withholding gives
// one further alternative for each consecutive view whose leader colludes, so at most f+1
// in a row before an honest one; choosing contents lets the proposer try as many blocks as
// it can hash between the parent's arrival and its turn's time-out (some 10^6 to 10^8 a
// second), so a single colluding proposer must be assumed to pick the best of 2^30
// alternatives for one coming epoch. What that buys is bounded by what the plugin does with
// the seed: with a leader drawn per view from seed and view, gaining k particular views with
// share p of the weight costs p^-k tries, so 30 bits place an attacker of a third of the
// weight in about 19 views of its choice of the whole epoch; every fourth view is a rescue
// view that no seed moves. Do not use the seed for lotteries over money.
//
// # The layout
//
// See Layout. Blocks have a fixed stride, so that block i starts at 80 + 40·n + i·stride.
type LeaderRequest struct {
	Seed         [32]byte
	Epoch        uint64
	View         uint64 // the view that needs a leader, at least 1
	ParentHeight uint64 // of the block that the proposal extends
	ParentView   uint64 // 0 when the parent belongs to an earlier epoch; below View
	Validators   []Validator
	// Window holds the parent and its ancestors within the epoch, newest first: at most
	// WindowMax, fewer (even none) at the epoch's beginning.
	Window []WindowBlock
	Params []byte // the binding's parameters, opaque to the host, at most ParamsMax bytes
}

// Validator is a member of the epoch's set; its index is its place in the set.
type Validator struct {
	Weight uint64 // at least 1
	Key    [32]byte
}

// WindowBlock is a recent block as its descendants commit to it.
type WindowBlock struct {
	Height   uint64 // tail blocks repeat the height of their parent
	View     uint64
	ViewGap  uint64 // views without a block just before it: View − its parent's view − 1
	Proposer uint32 // index of the validator
	// Voters has bit i set when validator i signed the notarization (or certificate) by
	// which the next block, or this request, refers to the block. The proposer of that next
	// block chose which quorum to show.
	Voters Bitmap
}

// Bitmap is a set of validator indexes: bit i%64 of word i/64. It has one word for each
// begun 64 validators, and no bit beyond their number.
type Bitmap []uint64

// NewBitmap returns an empty set for n validators.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// Has reports whether i is in the set.
func (m Bitmap) Has(i int) bool { return i >= 0 && i/64 < len(m) && m[i/64]>>(i%64)&1 == 1 }

// Set adds i, which must be below the number of validators.
func (m Bitmap) Set(i int) { m[i/64] |= 1 << (i % 64) }

// Count returns the number of members.
func (m Bitmap) Count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// fits reports whether the bitmap has the one form of a set of n validators.
func (m Bitmap) fits(n int) bool {
	if len(m) != (n+63)/64 {
		return false
	}
	return n%64 == 0 || m[len(m)-1]>>(n%64) == 0
}

// LeaderResponse names the proposer.
type LeaderResponse struct {
	Proposer uint32 // index of the validator; out of range is the fault output
}

const (
	leaderRequest  = "leader.v1 request"
	leaderResponse = "leader.v1 response"

	leaderHeader   = 80
	validatorBytes = 40
	blockHeader    = 32
)

// Layout describes the request's bytes.
func (*LeaderRequest) Layout() Layout {
	return Layout{
		Name: leaderRequest,
		Max:  leaderHeader + validatorBytes*ValidatorsMax + WindowMax*(blockHeader+ValidatorsMax/8) + ParamsMax,
		Fields: []Field{
			{"0", "4", "n", "u32", "validators, 1 to 1024"},
			{"4", "4", "m", "u32", "blocks in the window, 0 to 64"},
			{"8", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
			{"12", "4", "stride", "u32", "bytes of one block: 32 + 8·⌈n/64⌉"},
			{"16", "32", "seed", "bytes", "of the epoch"},
			{"48", "8", "epoch", "u64", ""},
			{"56", "8", "view", "u64", "that needs a leader, at least 1"},
			{"64", "8", "parent_height", "u64", "of the block to extend"},
			{"72", "8", "parent_view", "u64", "below view; 0: of an earlier epoch"},
			{"80+40i", "8", "validators[i].weight", "u64", "at least 1, together at most 2^62; i below n"},
			{"88+40i", "32", "validators[i].key", "bytes", "Ed25519 public key"},
			{"80+40n+stride·j", "8", "blocks[j].height", "u64", "newest first, never rising; j below m"},
			{"88+40n+stride·j", "8", "blocks[j].view", "u64", "strictly falling, below view"},
			{"96+40n+stride·j", "8", "blocks[j].view_gap", "u64", "views without a block just before it"},
			{"104+40n+stride·j", "4", "blocks[j].proposer", "u32", "below n"},
			{"108+40n+stride·j", "4", "blocks[j].zero", "u32", "0"},
			{"112+40n+stride·j", "stride−32", "blocks[j].voters", "u64s", "bit i%64 of word i/64: validator i signed"},
			{"80+40n+stride·m", "p", "params", "bytes", "of the binding"},
		},
	}
}

// check reports the first rule that the request breaks, by field, or two empty strings.
// Append and Decode share it, so that what one writes the other accepts.
func (r *LeaderRequest) check() (field, problem string) {
	if r.View == 0 {
		return "view", "must be at least 1"
	}
	if r.ParentView >= r.View {
		return "parent_view", "must be below view"
	}
	var total uint64
	for i := range r.Validators {
		w := r.Validators[i].Weight
		if w == 0 {
			return "validators.weight", "must be at least 1"
		}
		if w > TotalWeightMax-total {
			return "validators.weight", "must add up to at most 2^62"
		}
		total += w
	}
	for i := range r.Window {
		b := &r.Window[i]
		if int64(b.Proposer) >= int64(len(r.Validators)) {
			return "blocks.proposer", "must be below the number of validators"
		}
		if !b.Voters.fits(len(r.Validators)) {
			return "blocks.voters", "must have one bit for each validator and no other"
		}
		if b.View == 0 || b.ViewGap >= b.View {
			return "blocks.view_gap", "must be below the block's view"
		}
		if i == 0 {
			if b.View != r.ParentView || b.Height != r.ParentHeight {
				return "blocks.view", "the newest block must be the parent"
			}
			continue
		}
		newer := &r.Window[i-1]
		if b.Height > newer.Height {
			return "blocks.height", "must not rise from newer to older"
		}
		if b.View >= newer.View || newer.View-b.View-1 != newer.ViewGap {
			return "blocks.view", "must be the newer block's view less its gap and one"
		}
	}
	return "", ""
}

// Size returns the length of the request's bytes.
func (r *LeaderRequest) Size() int {
	n := len(r.Validators)
	return leaderHeader + validatorBytes*n + len(r.Window)*(blockHeader+8*((n+63)/64)) + len(r.Params)
}

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *LeaderRequest) Validate() error {
	n, m, p := len(r.Validators), len(r.Window), len(r.Params)
	switch {
	case n < 1 || n > ValidatorsMax:
		return tooLarge(leaderRequest, "number of validators", n, ValidatorsMax)
	case m > WindowMax:
		return tooLarge(leaderRequest, "number of blocks", m, WindowMax)
	case p > ParamsMax:
		return tooLarge(leaderRequest, "length of params", p, ParamsMax)
	}
	if field, problem := r.check(); field != "" {
		return invalid(leaderRequest, field, problem)
	}
	return nil
}

// Append appends the request's bytes to b.
func (r *LeaderRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	n, m, p := len(r.Validators), len(r.Window), len(r.Params)
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(n))
	b = le.AppendUint32(b, uint32(m))
	b = le.AppendUint32(b, uint32(p))
	b = le.AppendUint32(b, uint32(blockHeader+8*((n+63)/64)))
	b = append(b, r.Seed[:]...)
	b = le.AppendUint64(b, r.Epoch)
	b = le.AppendUint64(b, r.View)
	b = le.AppendUint64(b, r.ParentHeight)
	b = le.AppendUint64(b, r.ParentView)
	for i := range r.Validators {
		b = le.AppendUint64(b, r.Validators[i].Weight)
		b = append(b, r.Validators[i].Key[:]...)
	}
	for i := range r.Window {
		w := &r.Window[i]
		b = le.AppendUint64(b, w.Height)
		b = le.AppendUint64(b, w.View)
		b = le.AppendUint64(b, w.ViewGap)
		b = le.AppendUint32(b, w.Proposer)
		b = le.AppendUint32(b, 0)
		for _, word := range w.Voters {
			b = le.AppendUint64(b, word)
		}
	}
	return append(b, r.Params...), nil
}

// Decode reads a request, reusing r's slices; Params aliases b.
func (r *LeaderRequest) Decode(b []byte) error {
	if len(b) < leaderHeader {
		return malformed(leaderRequest, "length", "shorter than the header of 80 bytes")
	}
	le := binary.LittleEndian
	n, m, p, stride := le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])
	switch {
	case n < 1 || n > ValidatorsMax:
		return malformed(leaderRequest, "n", "must be 1 to 1024")
	case m > WindowMax:
		return malformed(leaderRequest, "m", "must be at most 64")
	case p > ParamsMax:
		return malformed(leaderRequest, "p", "must be at most 4096")
	case stride != blockHeader+8*((n+63)/64):
		return malformed(leaderRequest, "stride", "must be 32 + 8·⌈n/64⌉")
	case len(b) != leaderHeader+int(validatorBytes*n+stride*m+p):
		return malformed(leaderRequest, "length", "must be what the counts give")
	}
	copy(r.Seed[:], b[16:])
	r.Epoch = le.Uint64(b[48:])
	r.View = le.Uint64(b[56:])
	r.ParentHeight = le.Uint64(b[64:])
	r.ParentView = le.Uint64(b[72:])
	b = b[leaderHeader:]
	r.Validators = sized(r.Validators, int(n))
	for i := range r.Validators {
		v := &r.Validators[i]
		v.Weight = le.Uint64(b)
		copy(v.Key[:], b[8:])
		b = b[validatorBytes:]
	}
	r.Window = sized(r.Window, int(m))
	words := int(n+63) / 64
	for i := range r.Window {
		w := &r.Window[i]
		w.Height = le.Uint64(b)
		w.View = le.Uint64(b[8:])
		w.ViewGap = le.Uint64(b[16:])
		w.Proposer = le.Uint32(b[24:])
		if le.Uint32(b[28:]) != 0 {
			return malformed(leaderRequest, "blocks.zero", "must be 0")
		}
		w.Voters = sized(w.Voters, words)
		for k := range w.Voters {
			w.Voters[k] = le.Uint64(b[blockHeader+8*k:])
		}
		b = b[stride:]
	}
	r.Params = b
	if field, problem := r.check(); field != "" {
		return malformed(leaderRequest, field, problem)
	}
	return nil
}

// sized returns s with length n, keeping the elements that it has, so that the slices inside
// them are reused too.
func sized[S ~[]E, E any](s S, n int) S {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make(S, n-cap(s))...)
}

// Layout describes the response's bytes.
func (*LeaderResponse) Layout() Layout {
	return Layout{Name: leaderResponse, Max: 4, Fields: []Field{
		{"0", "4", "proposer", "u32", "index of the validator, below n"},
	}}
}

// Append appends the response's bytes to b.
func (r *LeaderResponse) Append(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(b, r.Proposer), nil
}

// Decode reads a response. Whether the index is in range only the request tells.
func (r *LeaderResponse) Decode(b []byte) error {
	if len(b) != 4 {
		return malformed(leaderResponse, "length", "must be 4")
	}
	r.Proposer = binary.LittleEndian.Uint32(b)
	return nil
}
