// Package replica is the deterministic node: a whole validator without the world.
//
// A Replica joins the consensus machine of the current epoch, the pool of pending transactions, the
// execution of blocks, the certified chain in the store, and catching up. It takes reified inputs,
// one at a time, and appends plain demands to an Output; whoever drives it (package node in
// production, package lab in simulation) meets them in the order in which Output's fields stand.
// The one ordering law is persist before send: nothing is sent before Log is synced. It
// reads no clock (each Step is told the time, for the time of blocks alone), starts no goroutine and
// touches no file, so that equal inputs give equal outputs.
//
// # What is durable
//
// The vote log holds what the machine must not forget (KERNEL K3). The store holds the certified
// chain: Step writes certified blocks to it at once, a batch a block with state, ledger and
// certificate together, and asks with Output.Sync for the store to be synced. Only when Synced
// answers are blocks reported as Finished; what was reported once is there after any crash. On a
// restart New reads the store's tip and the log, and the machine goes on from there.
//
// # Catching up
//
// A replica that is behind hears of a certificate, or of a later epoch, and fetches: certified
// blocks come in chunks that end in a certificate, which is verified before any of them is executed;
// uncertified ones are asked for by id. A peer in an epoch that is over is told its last
// certificate.
//
// # Pending transactions
//
// What clients submit is forwarded to all validators once, and again at time-outs. A voter withholds
// its vote from a block that leaves out, without need, what it has had pending for longer than
// ForcedInclusionViews views, so more than f that know a transaction get it in. A submission of what
// is pending or certified already (within the expiry window) is answered with where it stands: at
// most once, and idempotent.
//
// # Node-local plugins
//
// Two plugins answer this node alone, and no other node needs the same answers: pacemaker.v1 gives the
// time-out of a view from what the replica measured, priority.v1 orders what it proposes. A fault or a
// local error is the built-in rule's answer, an Event and a count in Stats, never a fact of the ledger.
// A timer that starts is one question; for priorities a step asks up to priorityCallsMax and
// priorityFuelMax.
//
// # What a validator says by itself
//
// A validator says on the ledger, as a transaction of its own, what only who runs things can know. On
// what is proposed: that it can run it, or why not (governance.Precheck), once in each round and not
// before it can tell. After the schedule: that it is ready. At the end of each interval of
// report_heights: what the comparisons of a shadow found (governance.Report), and how the chain fares
// with what is on trial, or was activated lately (governance.Health; see HealthLimits). Comparisons are
// execution's and equal on all nodes; gaps are the chain's; times and slow calls are this node's own. It
// speaks of no interval of which it has not seen every height, as after a restart or where it took over
// a result, and knows the level before an activation only if it was running then.
//
// Dry calls and timing belong to the driver: see Output.DryCalls and Output.Timed.
//
// # Limits
//
// The pool is bounded by PoolLimits, every message by MessageBytesMax, and answers to fetches by
// servedBytes. What is refused is counted in Stats and told as an Event.
//
// A Replica is for one goroutine.
package replica
