package attack

// Row is one row of the list of threats.
type Row struct {
	Number      int
	Attack      string
	Containment string
}

// Rows returns the rows that have cases, ascending.
func Rows() []Row { return rows }

var rows = []Row{
	{1, "infinite loop", "fuel that the instrumentation counts: fault fuel"},
	{2, "loop or work in a start section", "a start section is refused"},
	{3, "trap in initialisation", "the release never comes into being; what served before stays"},
	{4, "deep recursion", "a counter of the stack: fault depth, at the same depth everywhere"},
	{5, "guest → host → guest re-entrancy", "no way back in: fault reentrant"},
	{6, "memory grow bomb", "cap of pages, fuel for each page, growing fails alike everywhere"},
	{7, "huge declared minimum memory", "refused by the check"},
	{8, "table bomb, table.grow", "cap of entries; table instructions are refused"},
	{9, "locals bomb", "cap of locals, counted after expansion"},
	{10, "huge or overlapping data segments", "caps of segments and bytes; the host writes them, in order"},
	{11, "nesting bomb", "cap of depth"},
	{12, "br_table bomb", "caps of targets"},
	{13, "huge signature × many functions", "caps of parameters and functions"},
	{14, "slow or repeated compilation", "caps of complexity; compiled beside the loop, failures remembered by digest"},
	{15, "bulk-memory instructions to dodge fuel", "fuel for each 8 bytes"},
	{16, "host-call flood", "fuel and a count of calls"},
	{17, "log flood", "4 KiB of a call are kept, the rest is counted and dropped"},
	{18, "output bomb", "lengths are checked before anything is copied"},
	{19, "bad pointer or length, overflow", "64-bit arithmetic: fault bounds"},
	{20, "NaN payload leak", "one NaN"},
	{21, "SIMD, threads, other features", "refused by the check"},
	{22, "failure to grow as a source of entropy", "memory grows to the cap and no further, everywhere"},
	{23, "probing for time and randomness", "the block's time, random bytes of the release; no other source"},
	{24, "import probing", "an exact list; everything else is refused by the check"},
	{25, "state hidden between calls", "memory, globals and random bytes are restored before every call"},
	{26, "error strings in consensus", "results hold codes"},
	{27, "host panic to dodge fuel", "recovered at the boundary, charged in full"},
	{28, "another plugin's keys", "the host names the namespace; foreign ones need a grant by name, and are read-only"},
	{29, "key-prefix trick (a against a/)", "namespaces are trees of their own; names have one form"},
	{30, "rewriting history", "read-only facts of certified blocks"},
	{31, "state bloat", "a quota of keys and bytes for each namespace"},
	{33, "leader electing itself", "every fourth view is a rescue view, which asks no plugin"},
	{37, "stalled pacemaker", "the host clamps answers around the built-in rule, which grows"},
	{43, "manifest spoof", "the manifest is part of the file that the digest names and the author signs"},
	{44, "replay, here and on another chain", "a signature covers the chain's origin; an id is taken once, a voice is counted once"},
	{45, "downgrade, freeze, mix-and-match", "sequences grow, everything that waits expires, a digest has one set of facts"},
	{46, "fast-forwarded version", "a sequence grows by at most 1,000 at once"},
	{47, "name squatting, homoglyphs", "ASCII names, which belong to their first author for ever"},
	{48, "ambiguous encoding", "one encoding of everything: what decodes encodes to the same bytes"},
	{50, "detecting that it is being shadowed", "a call sees the same bytes wherever it runs"},
	{53, "slow within fuel", "charges from measurements; the ratio of nanoseconds to fuel is watched"},
	{58, "proposal spam", "proposers are known; one open proposal for each slot and name, 48 of a proposer, 64 in all"},
}
