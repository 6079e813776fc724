package hook

import "encoding/binary"

// PacemakerWindowMax bounds the views in a request.
const PacemakerWindowMax = 32

// PacemakerObserver is the place of a node that is no validator.
const PacemakerObserver = 1<<32 - 1

// PacemakerRequest asks how long this node waits before it gives up the view that it is in. It holds
// what the node measured itself: the answer binds this node alone, and other nodes may get others.
type PacemakerRequest struct {
	Validators    uint32
	Self          uint32 // index of this node; PacemakerObserver if it is no validator
	View          uint64
	CertifiedView uint64 // the highest that has a certificate; below View
	BaseMS        uint64 // the chain's parameters
	MaxMS         uint64
	BuiltinMS     uint64 // what the built-in rule gives: base × 2^(views since the certified one), at most max
	// Window holds the last views of the epoch in which this node has waited, newest first.
	Window []PacemakerView
	Params []byte // the binding's parameters, at most ParamsMax bytes
}

// PacemakerView is a view as this node saw it.
type PacemakerView struct {
	View      uint64
	MS        uint32 // from when there was something to wait for until the view was left, cut off at 2^32-1
	Notarized bool   // it was left by a block; otherwise given up
}

// PacemakerResponse is the time-out. The host keeps it within a quarter and four times of what the
// built-in rule gives, and below the chain's maximum: time-outs grow whatever the plugin says.
type PacemakerResponse struct {
	TimeoutMS uint64
}

const (
	pacemakerRequest  = "pacemaker.v1 request"
	pacemakerResponse = "pacemaker.v1 response"

	pacemakerHeader    = 56
	pacemakerViewBytes = 16
)

// Layout describes the request's bytes.
func (*PacemakerRequest) Layout() Layout {
	return Layout{Name: pacemakerRequest, Max: pacemakerHeader + pacemakerViewBytes*PacemakerWindowMax + ParamsMax, Fields: []Field{
		{"0", "4", "p", "u32", "bytes of parameters, 0 to 4096"},
		{"4", "4", "m", "u32", "views in the window, 0 to 32"},
		{"8", "4", "validators", "u32", ""},
		{"12", "4", "self", "u32", "index of this node; 2^32-1: no validator"},
		{"16", "8", "view", "u64", "whose time-out is asked for"},
		{"24", "8", "certified_view", "u64", "the highest that has a certificate, below view"},
		{"32", "8", "base_ms", "u64", "of the chain's parameters"},
		{"40", "8", "max_ms", "u64", "of the chain's parameters"},
		{"48", "8", "builtin_ms", "u64", "what the built-in rule gives"},
		{"56+16j", "8", "views[j].view", "u64", "in which this node has waited, newest first, strictly falling; j below m"},
		{"64+16j", "4", "views[j].ms", "u32", "from when there was something to wait for until it was left"},
		{"68+16j", "4", "views[j].notarized", "u32", "1: left by a block; 0: given up"},
		{"56+16m", "p", "params", "bytes", "of the binding"},
	}}
}

// Size returns the length of the request's bytes.
func (r *PacemakerRequest) Size() int {
	return pacemakerHeader + pacemakerViewBytes*len(r.Window) + len(r.Params)
}

// check reports the first rule that the request breaks, by field, or two empty strings.
func (r *PacemakerRequest) check() (field, problem string) {
	if r.CertifiedView >= r.View {
		return "certified_view", "must be below view"
	}
	newer := r.View
	for i := range r.Window {
		if r.Window[i].View >= newer {
			return "views.view", "must fall strictly from below view"
		}
		newer = r.Window[i].View
	}
	return "", ""
}

// Validate returns an error that wraps ErrLimit if Append would refuse the request.
func (r *PacemakerRequest) Validate() error {
	if m := len(r.Window); m > PacemakerWindowMax {
		return tooLarge(pacemakerRequest, "number of views", m, PacemakerWindowMax)
	}
	if field, problem := r.check(); field != "" {
		return invalid(pacemakerRequest, field, problem)
	}
	return sizes(pacemakerRequest, nil, r.Params)
}

// Append appends the request's bytes to b.
func (r *PacemakerRequest) Append(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return b, err
	}
	le := binary.LittleEndian
	for _, v := range [...]uint32{uint32(len(r.Params)), uint32(len(r.Window)), r.Validators, r.Self} {
		b = le.AppendUint32(b, v)
	}
	for _, v := range [...]uint64{r.View, r.CertifiedView, r.BaseMS, r.MaxMS, r.BuiltinMS} {
		b = le.AppendUint64(b, v)
	}
	for i := range r.Window {
		w := &r.Window[i]
		b = le.AppendUint64(b, w.View)
		b = le.AppendUint32(b, w.MS)
		notarized := uint32(0)
		if w.Notarized {
			notarized = 1
		}
		b = le.AppendUint32(b, notarized)
	}
	return append(b, r.Params...), nil
}

// Decode reads a request, reusing r's slice; Params aliases b.
func (r *PacemakerRequest) Decode(b []byte) error {
	if len(b) < pacemakerHeader {
		return malformed(pacemakerRequest, "length", "shorter than the header of 56 bytes")
	}
	le := binary.LittleEndian
	p, m := le.Uint32(b), le.Uint32(b[4:])
	switch {
	case p > ParamsMax:
		return malformed(pacemakerRequest, "p", "must be at most 4096")
	case m > PacemakerWindowMax:
		return malformed(pacemakerRequest, "m", "must be at most 32")
	case len(b) != pacemakerHeader+int(pacemakerViewBytes*m+p):
		return malformed(pacemakerRequest, "length", "must be what the counts give")
	}
	r.Validators, r.Self = le.Uint32(b[8:]), le.Uint32(b[12:])
	r.View, r.CertifiedView = le.Uint64(b[16:]), le.Uint64(b[24:])
	r.BaseMS, r.MaxMS, r.BuiltinMS = le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])
	b = b[pacemakerHeader:]
	r.Window = sized(r.Window, int(m))
	for i := range r.Window {
		notarized := le.Uint32(b[12:])
		if notarized > 1 {
			return malformed(pacemakerRequest, "views.notarized", "must be 0 or 1")
		}
		r.Window[i] = PacemakerView{View: le.Uint64(b), MS: le.Uint32(b[8:]), Notarized: notarized == 1}
		b = b[pacemakerViewBytes:]
	}
	r.Params = b
	if field, problem := r.check(); field != "" {
		return malformed(pacemakerRequest, field, problem)
	}
	return nil
}

// Layout describes the response's bytes.
func (*PacemakerResponse) Layout() Layout {
	return Layout{Name: pacemakerResponse, Max: 8, Fields: []Field{
		{"0", "8", "timeout_ms", "u64", "the host keeps it within builtin_ms/4 and 4·builtin_ms, and at most max_ms"},
	}}
}

// Append appends the response's bytes to b.
func (r *PacemakerResponse) Append(b []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint64(b, r.TimeoutMS), nil
}

// Decode reads a response.
func (r *PacemakerResponse) Decode(b []byte) error {
	if len(b) != 8 {
		return malformed(pacemakerResponse, "length", "must be 8")
	}
	r.TimeoutMS = binary.LittleEndian.Uint64(b)
	return nil
}

// Bounded returns the time-out as the host applies it to the request, in milliseconds, at least 1.
func (r PacemakerResponse) Bounded(q *PacemakerRequest) uint64 {
	most := q.MaxMS
	if q.BuiltinMS < most/4 {
		most = 4 * q.BuiltinMS
	}
	return max(1, min(max(r.TimeoutMS, q.BuiltinMS/4), most))
}
