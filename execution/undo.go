package execution

import (
	"bytes"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// A trial of a machine whose plan says restore or migrate is undone if it ends by anything but a
// confirmation. From its first block on, the value that each key of the namespace had before it is kept
// in the kernel's namespace, when a block changes the key for the first time. When the machine goes,
// the last block that it served gives all keys their values back, so that what served before finds its
// namespace as it left it. Once that is done, or the trial is confirmed, what was kept is dropped in
// portions. A trial is asked to return when it changed more keys than the parameter undo_max_keys
// allows, or more than all trials together may; until it does, its machine may change no further keys.
//
//	undo                        count (2), then of each log: proposal (8), round (8), namespace with
//	                            length 1, dropping (1), keys (8), bytes (8)
//	undo/<proposal>/<round>/    and a key of the namespace: present (1), value

// Bounds of what is kept for all trials together. A block goes beyond them by no more than it may write,
// so that the block that restores all of it, with all else that it writes, stays within what an overlay
// holds: that counts keys twice, and WritesMax once, so that machines take at most 1.6 × 32 MiB of its
// 128, what is kept 24 and one block's 32, and 20 are left for the kernel.
const (
	undoKeysMax  = 1 << 17
	undoBytesMax = 24 << 20
)

// undoPortion is how many keys a block drops of what nobody needs any more.
const undoPortion = 1000

var keyUndo = []byte("undo")

// undoLog is what is kept for one trial.
type undoLog struct {
	proposal  governance.ProposalNumber
	round     uint64
	namespace string
	dropping  bool
	keys      uint64
	bytes     uint64

	full    bool // at the beginning of the block
	touched []touchedKey
	known   map[string]bool // keys of touched, and those that were found in the log
	flaws   *Flaws
}

// touchedKey is a key that the block wrote to and that is not in the log, with its value before.
type touchedKey struct {
	key, value []byte
	present    bool
}

func (l *undoLog) prefix() []byte { return fmt.Appendf(nil, "undo/%d/%d/", l.proposal, l.round) }

func (l *undoLog) key(key []byte) []byte { return append(l.prefix(), key...) }

// keeps reports whether a trial's namespace is restored if it fails.
func keeps(w *governance.Watch) bool {
	return w.Trial && w.State != governance.StateKeep && w.Candidate.Hook == hook.Machine.Name
}

// undo is all that is kept for trials.
type undo struct{ logs []undoLog }

// beginUndo reads what is kept, and begins the logs of trials that begin with the block.
func (x *Executor) beginUndo(kernel *kernelState, watched []governance.Watch) undo {
	u := undo{readUndo(kernel)}
	for i := range watched {
		w := &watched[i]
		if !keeps(w) || u.find(func(l *undoLog) bool { return l.proposal == w.Proposal && l.round == w.Round }) != nil {
			continue
		}
		u.logs = append(u.logs, undoLog{proposal: w.Proposal, round: w.Round, namespace: w.Candidate.Namespace})
	}
	for i := range u.logs {
		l := &u.logs[i]
		l.full, l.known, l.flaws = x.isFull(&u, l), map[string]bool{}, &x.flaws
	}
	return u
}

func (u *undo) find(is func(*undoLog) bool) *undoLog {
	for i := range u.logs {
		if is(&u.logs[i]) {
			return &u.logs[i]
		}
	}
	return nil
}

// of returns the log that a namespace's writes go to, or nil.
func (u *undo) of(namespace string) *undoLog {
	return u.find(func(l *undoLog) bool { return !l.dropping && l.namespace == namespace })
}

func (x *Executor) isFull(u *undo, l *undoLog) bool {
	keys, bytes := uint64(0), uint64(0)
	for i := range u.logs {
		if !u.logs[i].dropping {
			keys, bytes = keys+u.logs[i].keys, bytes+u.logs[i].bytes
		}
	}
	return l.keys > x.tip.Configuration.Parameters.UndoMaxKeys || keys > undoKeysMax || bytes > undoBytesMax
}

// keep remembers the value before the block of a key that is about to be written to, and charges for
// it, unless the log has the key.
func (m *machineState) keep(key []byte) error {
	l := m.undo
	if l == nil || l.known[string(key)] {
		return nil
	}
	logged, err := m.overlay.Has(quoin.KernelNamespace, l.key(key))
	switch {
	case err != nil:
		return err
	case logged:
		l.known[string(key)] = true
		return nil
	case l.full:
		return errWrites
	}
	value, present, err := m.get(m.namespace, key)
	if err != nil {
		return err
	}
	if err := m.charge(2*len(l.key(key)) + len(value)); err != nil {
		return err
	}
	l.known[string(key)] = true
	l.touched = append(l.touched, touchedKey{bytes.Clone(key), bytes.Clone(value), present})
	return nil
}

// touches is how many keys the block has touched; forget takes back those after so many.
func (l *undoLog) touches() int {
	if l == nil {
		return 0
	}
	return len(l.touched)
}

func (l *undoLog) forget(touches int) {
	if l == nil {
		return
	}
	for _, t := range l.touched[touches:] {
		delete(l.known, string(t.key))
	}
	l.touched = l.touched[:touches]
}

// endUndo keeps what the block changed in trials, restores what served before a trial that ends with
// the block, and drops what is not needed any more. It comes after all that writes for machines.
func (x *Executor) endUndo(o *Outcome, kernel *kernelState) error {
	u := &o.undo
	if len(u.logs) == 0 {
		return nil
	}
	for i := range u.logs {
		l := &u.logs[i]
		if l.dropping {
			continue
		}
		grown, err := l.record(o, kernel)
		if err != nil {
			return err
		}
		switch p, _ := governance.ReadProposal(kernel, l.proposal); {
		case p.Round == l.round && p.Status == governance.StatusTrial:
			if grown && x.isFull(u, l) {
				x.c.Marks.Reach(&marks[markUndoFull])
				x.recordFault(o, kernel, SlotFault{Kind: UndoFault, Slot: machineSlot(l.namespace)})
			}
		case p.Round == l.round && p.Status.Serves():
			x.c.Marks.Reach(&marks[markUndoConfirmed])
			l.dropping = true
		default:
			x.c.Marks.Reach(&marks[markUndoRestores])
			l.dropping = true
			if err := l.restore(o, kernel); err != nil {
				return err
			}
		}
	}
	if err := u.drop(o, kernel); err != nil {
		return err
	}
	u.write(kernel)
	return nil
}

// record puts the keys that the block has changed into the log, and reports whether there were any.
func (l *undoLog) record(o *Outcome, kernel *kernelState) (grown bool, err error) {
	for _, t := range l.touched {
		now, present, err := o.overlay.Get(l.namespace, t.key)
		if err != nil {
			return grown, err
		}
		if present == t.present && bytes.Equal(now, t.value) {
			continue // a refused transaction touched it, or it was written back
		}
		if !present && l.flaws.UndoForgetsDeletes {
			continue
		}
		grown = true
		kernel.Put(l.key(t.key), append(canonical.AppendBool(nil, t.present), t.value...))
		l.keys++
		l.bytes += uint64(2*len(t.key) + len(t.value) + writeCost)
	}
	return grown, nil
}

// scan yields up to most keys of the log with what was kept. It may be written to meanwhile.
func (l *undoLog) scan(o *Outcome, most int, yield func(key, kept []byte) error) error {
	type record struct{ key, kept []byte }
	var records []record
	prefix := l.prefix()
	end := bytes.Clone(prefix)
	end[len(end)-1]++
	err := o.overlay.ScanKeys(quoin.KernelNamespace, prefix, end, func(key, value []byte) bool {
		if len(records) == most {
			return false
		}
		records = append(records, record{bytes.Clone(key[len(prefix):]), bytes.Clone(value)})
		return true
	})
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := yield(r.key, r.kept); err != nil {
			return err
		}
	}
	return nil
}

// restore gives every key of the log the value that it had before the trial.
func (l *undoLog) restore(o *Outcome, kernel *kernelState) error {
	return l.scan(o, int(l.keys), func(key, kept []byte) error {
		if kept[0] == 0 {
			return o.overlay.Delete(l.namespace, key)
		}
		return o.overlay.Put(l.namespace, key, kept[1:])
	})
}

// drop takes a portion of what nobody needs any more out of the state.
func (u *undo) drop(o *Outcome, kernel *kernelState) error {
	left := undoPortion
	kept := u.logs[:0]
	for i := range u.logs {
		l := u.logs[i]
		if l.dropping {
			n := min(left, int(l.keys))
			err := l.scan(o, n, func(key, _ []byte) error { kernel.Delete(l.key(key)); return nil })
			if err != nil {
				return err
			}
			left, l.keys = left-n, l.keys-uint64(n)
			if l.keys == 0 {
				continue
			}
		}
		kept = append(kept, l)
	}
	u.logs = kept
	return nil
}

func (u *undo) write(kernel *kernelState) {
	if len(u.logs) == 0 {
		kernel.Delete(keyUndo)
		return
	}
	b := canonical.AppendUint16(nil, uint16(len(u.logs)))
	for i := range u.logs {
		l := &u.logs[i]
		b = canonical.AppendUint64(canonical.AppendUint64(b, l.proposal), l.round)
		b = canonical.AppendBool(canonical.AppendBytes8(b, l.namespace), l.dropping)
		b = canonical.AppendUint64(canonical.AppendUint64(b, l.keys), l.bytes)
	}
	kernel.Put(keyUndo, b)
}

func readUndo(kernel *kernelState) []undoLog {
	b, ok := kernel.Get(keyUndo)
	if !ok {
		return nil
	}
	r := canonical.NewReader(b)
	logs := make([]undoLog, r.Count16(1<<16-1, 34))
	for i := range logs {
		l := &logs[i]
		l.proposal, l.round, l.namespace = governance.ProposalNumber(r.Uint64()), r.Uint64(), string(r.Bytes8(quoin.NamespaceMax))
		l.dropping, l.keys, l.bytes = r.Bool(), r.Uint64(), r.Uint64()
	}
	if err := r.Done(); err != nil {
		panic(fmt.Sprintf("execution: the record of what is kept for trials: %v", err))
	}
	return logs
}
