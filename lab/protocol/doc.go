// Package protocol plays worlds of bare consensus machines: no replica, no ledger, no disk, no
// sandbox. It is where a protocol engineer tries a new consensus.Machine first, and where a thousand
// simulated seconds take one.
//
// Run plays a world of Options: nodes of equal weight, links with a delay, jitter and loss, crashes,
// leaders in turn, blocks always wanted and always empty. Messages are handed over as they are,
// neither encoded nor copied (a machine must not change a message after it has sent it), and signed
// by consensus/model, or with Ed25519. What a machine persists is durable at once, results are those
// of the model application and take no time. Everything random comes from the seed, events of one
// time happen in the order in which they were planned, so the same options give the same digest.
//
// An Observer checks I1, I2 and I8 in the project's numbers, on what honest nodes send, certify and
// report, and that they accept one another's messages. The world ends at the first violation.
//
// Node and Observer are also what package twins drives its copies with. Protocols lists the protocols
// of this module, and the deliberately broken variants that every harness must catch.
//
// A world is for one goroutine; worlds share nothing.
package protocol
