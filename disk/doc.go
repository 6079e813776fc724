// Package disk says what durable means: FS, an interface of files whose
// durability is explicit; Log, a write-ahead log on top of it; and Memory, a disk
// in memory that crashes, tears, rots and fills up on demand. The real disk is
// node/osdisk.
//
// # The log
//
// A log is a directory of segments and a mark. A segment is a file named by the
// sequence number of its first record, 16 hexadecimal digits and ".log". All
// integers are big-endian.
//
//	segment = header record*
//	header  = "quoinlog" version:u32(1) first:u64 identity:[32] chain:[32] crc:u32
//	record  = crc:u32 length:u32 seq:u64 synced:u64 payload:[length]
//
// The header's crc is the CRC-32C of what precedes it; a record's crc is the
// CRC-32C of its segment's header and of the record after the crc itself, so that
// bytes of another segment, or of a deleted log in recycled blocks, are no record.
// synced is the highest sequence number known durable when the record was
// appended. chain links the segments: the first holds
//
//	SHA-256("quoin/log/origin/v1" identity)
//
// and each later one
//
//	SHA-256("quoin/log/segment/v1" chain:[32] first:u64 next:u64 fold:u32)
//
// of the segment before it, where next is the sequence number after its last
// record and fold the CRC-32C of its records' crc fields. A segment that is
// missing, swapped, renamed, or an older copy of itself breaks the chain.
//
// The file "mark" remembers what a log alone cannot know, how far it reached:
//
//	mark = base hint*
//	base = "quoinmrk" version:u32(1) state:u32 identity:[32] first:u64 chain:[32] synced:u64 crc:u32
//	hint = synced:u64 crc:u32
//
// state is 0 while the log is being created, 1 while it is in use, 2 after it was
// closed cleanly. first and chain are those of the lowest segment that was not pruned. The base is
// replaced atomically and durably: on opening, closing, pruning, with each new
// segment, and every MarkEverySyncs calls of Sync. In between each Sync appends a
// hint, which is written and never synced, so it costs no fsync: it survives the
// end of the process, and a power cut unless it came within the kernel's
// write-back time. A hint's crc covers the base's crc and the hint.
//
// # Why this is durable
//
//   - D1 Sync returns nil only after File.Sync of the newest segment; its name was
//     made durable (SyncDir) before the first record went into it; all older
//     segments were synced before it was created.
//   - D2 So only the end of the newest segment can be torn by a crash. Damage
//     anywhere else is corruption and is reported, never repaired.
//   - D3 Damage in the newest segment is a torn tail only if nothing says that the
//     damaged record was synced: not the mark, and no intact record behind it.
//   - D4 Whatever opening accepts it first writes to a new file, synced, that takes
//     the old one's place, unless the log was closed cleanly. It does not believe
//     what it read: after a failed fsync the kernel's cache may show bytes that the
//     disk does not have, and a plain fsync would then succeed without writing
//     them. This also removes a torn tail in the same atomic step, so a tail that
//     was dropped once never comes back.
//   - D5 After any failed write or sync the log refuses everything with ErrBroken.
//   - D6 A segment's header is never torn, because the file gets its name only
//     after the header was synced. The mark neither, for the same reason.
//   - D7 Pruning writes the mark before it removes a file, so a missing segment is
//     never mistaken for a pruned one; files left over by a crash in between are
//     removed on opening.
//
// # What it cannot detect
//
// A power cut on a disk that acknowledged a sync and lost the bytes, if they and the
// hints behind the mark's base vanish together: at most MarkEverySyncs
// syncs. The whole directory gone (set Options.MustExist when it must be there) or
// replaced by an older copy of itself: restoring a log of votes from a backup is
// forbidden.
//
// # Concurrency, limits
//
// Log and Memory are for one goroutine. A record is at most
// Options.RecordBytesMax bytes and a segment at most Options.SegmentBytes plus one
// record; what is appended and not yet synced is buffered in at most 256 KiB plus
// one record. A log that is never pruned grows without bound.
package disk
