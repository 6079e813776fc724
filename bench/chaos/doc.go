// Package chaos breaks a network of real node processes while clients use it, and then asks whether
// anything was wrong with what the clients saw.
//
// # The world
//
// Every node is a process of its own with its files on disk. What travels between nodes goes through
// a relay.Mesh, or through links of network namespaces; what travels between clients and nodes is
// never cut. Clients use package client alone. They run closed loops with a bounded rate on keys that
// all share, so that they contend. Half of them are bound to one node each, the others go elsewhere
// when their node does not answer.
//
// # Faults
//
// See Kind. One fault at a time, and the next one begins when all nodes have caught up: never are
// more nodes faulty than the protocol tolerates, but for the kinds that say so (Kind.Total), in which
// nothing can be certified, and nothing may be lost either.
//
// # What is checked
//
//   - Linearizability. Each key is a register of 64 bits. All operations on it are transactions, also
//     reading: adding nothing returns the value. So a result is what consensus decided. Porcupine
//     (github.com/anishathalye/porcupine) looks for an order of each key's operations that explains all
//     results and contradicts no clock; an operation whose outcome is unknown may take effect at any
//     time from its beginning on, or never. Porcupine knows nothing of the ledger. See CheckHistory.
//   - The ledger as the witness. Its order, replayed through the same model, must give every result
//     that any client was told, and must not contradict the clients' clocks: that is stronger, and it
//     covers what Porcupine leaves out, such as whether what was never acknowledged took effect twice.
//     See Ledger.Check.
//   - State reads, which are not transactions, are checked for what they promise: the value is that of
//     the certified height they name, and a client's heights never go back, nor below its own receipts.
//   - Nothing acknowledged is lost: every acknowledged id stands in the final ledger once, at the entry
//     of its receipt, on every node; no id stands there twice; all nodes end with the same chain.
//     Receipts are verified as they come, and a sample of them again offline from the genesis alone.
//   - No process ends by itself, but one whose disk is full, which must; no node loses its vote.
//
// # What repeats
//
// Processes are not deterministic. The seed decides which faults strike which nodes in which order,
// how long they last, and each client's operations; it does not decide how they interleave.
package chaos
