// Package audit shows the whole history of a chain's changes to whoever trusts its genesis alone: who
// changed what, when, why, and on what evidence.
//
// # What is proved
//
// Everything that governance does is an event of the audit chain, which stands in the kernel's state
// (see governance.ReadAuditEvent). A history is a file with all of them. Whoever verifies it
// believes nothing that the file says:
//
//   - The validators of each epoch are those that a quorum of the epoch before certified.
//   - Each event has a proof of its own, by the state under a certificate, that exactly these bytes are
//     the event with exactly this number. So the first event that was altered is known by its number,
//     whoever altered it, and however well the rest of the file was made to fit.
//   - The number of events, and a hash over all of them, are certified as well, so that nothing is
//     missing at the end.
//   - A Replay does everything again, from the genesis on: each command must be accepted with the
//     result that is recorded, each fault must count, and whatever was due at a height must become what
//     the rules say. A history that a quorum certified against the rules does not replay.
//   - What a line says for people is made anew from the event and compared.
//
// What is not proved: that the newest certificate of a file is the newest of the chain (a file from
// last year is whole as of last year), and the signatures of the transactions that carried commands: that
// they were valid is the word of the quorum that certified the events. They are in the ledger.
//
// # The file
//
// JSON lines, fields in this order, binary fields in base64, hashes and keys in hexadecimal, without
// white space. There is one form of each line, and any other is refused.
//
//	{"line":"header","format":"quoin-audit/v1","origin":...,"genesis":{...}}
//	     The genesis is as in a genesis file. First line, once.
//	{"line":"handover","epoch":E,"first":H,"certificate":...,"proof":...}
//	     Leads from epoch E-1 to E, whose first height is H: quoin.Certificate of the height before
//	     with exactly a quorum of signatures, and the state.Proof of governance.EpochKey(E).
//	{"line":"checkpoint","height":H,"epoch":E,"time_ms":T,"events":N,"head":...,"certificate":...,"proof":...}
//	     The state of the audit chain at a height. The lines of events that follow are proved under its
//	     certificate. proof is the state.Proof of governance.AuditChainKey.
//	{"line":"event", Entry..., "bytes":...,"path":...}
//	     bytes is what stands in state under governance.EventKey. path is its state.Proof, without
//	     what the checkpoint and the line say already: without directory and value.
//
// A header, a checkpoint before the first event, and further checkpoints, each not older than the one
// before, as the chain went on while the file was written. Handovers stand where they are needed: right
// before the first checkpoint of the last of their epochs. The file ends with the last event that the last
// checkpoint counts.
//
// # Limits
//
// LineMax bytes a line. Only the governance state of the replay is held in memory, never the file.
//
// # Attestations
//
// Attestations tells the same in the form of in-toto Statements, one for each change that took effect.
//
// # Concurrency
//
// Nothing here starts a goroutine or looks at a clock; each value is for one goroutine.
package audit
