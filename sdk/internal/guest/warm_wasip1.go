package guest

// Every call starts from the heap as it is after initialisation, and so pays anew for what
// the allocator does at the first object of a size: it fetches and prepares a span. Done once
// here, it is part of what calls start from.
var _ = warm()

// kept keeps the compiler from leaving the allocations out.
var (
	keptBytes    []byte
	keptPointers []*byte
)

func warm() bool {
	const most = 128 // larger objects are few, and their spans would lengthen the memory to restore
	for n := 8; n <= most; n += 8 {
		keptBytes = make([]byte, n)
		keptPointers = make([]*byte, n/4) // 4 bytes each
	}
	keptBytes, keptPointers = nil, nil
	return true
}
