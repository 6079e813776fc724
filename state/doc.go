// Package state is authenticated key-value state: what the transactions of a chain have written,
// under one root that every block commits to and that a stranger can check a single key against.
//
// # The format
//
// A state is a set of namespaces, at most NamespacesMax; a name is 1 to 32 of [a-z0-9.-]. A
// namespace holds keys of 1 to KeyBytesMax bytes with values of at most ValueBytesMax. With H for
// SHA-256 and ‖ for concatenation:
//
//	leaf     = H(0x00 ‖ H(key) ‖ H(value))
//	branch   = H(0x01 ‖ left ‖ right)
//	empty    = 32 zero bytes
//	state    = H("quoin/state-directory/v1" ‖ 0x00 ‖ for each namespace, names ascending:
//	             length of the name in one byte ‖ name ‖ root of its trie)
//
// The trie of a namespace is binary. The path of a key is the bits of H(key), highest bit of the
// first byte first; 0 is left. A subtree of no keys is empty, a subtree of one key is that key's
// leaf wherever it stands, and a subtree of more is a branch, so the root depends on the keys and
// values only, never on their history. A namespace without keys is not in the directory.
//
// A Proof shows the directory, and the siblings on the key's path down to its leaf, or down to the
// empty subtree or other leaf that stands where its own leaf would: nothing else can be there.
// Proof.Verify is all of the verification, Proof.MarshalBinary documents the bytes. The tags 0x00
// and 0x01 keep a leaf from passing for a branch, and the directory's from passing for either. A
// leaf holds the key's hash in full, so the place of a leaf need not be hashed: one key's leaf is
// the same at any depth, and a proof that ends too early meets a branch where it claims a leaf.
//
// # Life of a block
//
// State is the certified state, durable in a store.Store. NewOverlay puts the state after one more
// block on top of it or of another overlay: open for Put and Delete (with Mark and Revert around
// each transaction) until Seal gives its root. Commit makes a sealed overlay the certified state
// and says, as a batch, what the store must hold; all overlays that do not descend from it are
// stale from then on, and say so. Those that do stay as they are.
//
// # What is stored, and why so little
//
// The store holds one flat record per key, at (namespace, H(key)), hence in the order of the trie:
// the records of a subtree are one range. So a subtree of at most 32 keys is never written as
// nodes: a scan of at most 32 records rebuilds it. What is above such buckets, about a node in
// ten, changes with every block near the root but is needed only after a restart or an eviction;
// it is written now and then, in a flush after FlushTouched written keys, as pages of six levels,
// together with the directory of that moment. In between, the batch of a commit holds
//
//   - the changed records,
//   - for each key that comes or goes, its entry in the index: (namespace, key) with nothing beside
//     it; whether it does, Seal has seen in the trie, so a write to a key that stays costs nothing,
//   - one record with the first 8 bytes of the key hashes written ("touched"),
//   - the certified height, directory and sizes ("mark").
//
// Open starts from the flush, walks to the places touched since, rebuilds those from their
// records, and so has the very tries that were certified; it compares their roots with the mark
// and refuses what differs. Since all of it travels in the batch that carries the block, every
// crash leaves some certified state whole.
//
// # Memory
//
// Nodes live in an arena of slots without pointers, which the garbage collector never walks, and
// are freed explicitly. Overlays share unchanged nodes with their parents (path copying); an
// overlay knows the nodes it made and those it replaced. If it is committed, the replaced ones are
// freed; if it ends, its own.
//
// When the nodes outgrow CacheBytes, certified subtrees are evicted: their slot becomes a stub. A
// bucket can be evicted at any time, a page if it is as the last flush wrote it. A stub is loaded
// again in place by whoever walks into it and checked against the hash that its parent has. This
// is right because of three rules:
//
//   - M1 Only nodes of the certified state are evicted, and only if no live overlay has replaced
//     them (they count such pins). An overlay that uses a node below without having replaced the
//     node itself reaches it through that node, and so sees the stub.
//   - M2 A stub that a certified or live trie reaches stands for a subtree that no commit has
//     changed: a commit that changes it replaces all nodes above, and frees the stub. So the
//     records in the store, which are those of the certified state, are the stub's.
//   - M3 After a commit nothing is read from the store before it shows that commit's mark; what
//     must be read gives ErrNotApplied instead.
//
// So memory is CacheBytes, plus what live overlays hold (their writes, and up to some 30 nodes of
// 84 bytes a written key), plus the upper nodes changed since the last flush, plus the slots that
// hold the largest amount so far. A node of the trie takes about 157 bytes a key where all is in
// memory. The cache is a matter of speed only: any CacheBytes and FlushTouched give the same roots.
//
// # Scans
//
// ScanKeys goes by key: it joins the store's index, and for each of its keys the record, with the
// writes of the overlays, which are put in order when they are first scanned. It stops where it is
// told to. An overlay remembers where a scan passed by many deleted keys, and goes round them from
// then on, so that the cost of a scan follows what it gives.
//
// Nothing in the root vouches for the index by itself: a scan refuses an entry without a record,
// and one of a whole namespace a number of keys that is not the trie's, but within a range an entry
// that the store has lost is not missed. Like a record that the store has changed, it shows when
// the next root differs from that of the others.
//
// Scan goes by key hash, in the order of the trie; NextHash of the last hash is where to go on. It
// reads the records alone, in their order, so it is the faster one for all of a large namespace.
//
// # Errors, concurrency, determinism
//
// What a caller does wrong is refused with a documented error and changes nothing. ErrCorrupt means
// that the store contradicts the certified root: stop, and sync from a peer. An error of the store
// leaves the State usable, but the overlay whose Seal met it is dropped.
//
// A State and its overlays are for one goroutine. Others read certified values through Read, on
// the store or a snapshot of it. Nothing here depends on time, chance or the order of maps: the
// same calls give the same roots, proofs, batches and errors, except that batches and evictions
// follow CacheBytes and FlushTouched.
//
// Sources: the trie is the compact sparse Merkle tree of Haider, "Compact Sparse Merkle Trees"
// (2018), in the manner of Dahlberg, Pulls and Peeters, "Efficient Sparse Merkle Trees" (2016);
// flat records with nodes derived from them are how go-ethereum's snapshots serve reads.
package state
