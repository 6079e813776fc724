package metric

// A family is named by its place in the table.
const (
	build = iota
	nodeInfo
	nodeTime
	nodeObserver
	nodeVotes
	nodeEvents
	logsDropped
	spansDropped
	apiRefusals
	viewers
	scrapes

	height
	heightSynced
	behind
	blockAge
	heartbeat
	blocks
	entries
	transactions
	certification
	finality
	executionTime

	view
	epoch
	validators
	uncertified
	leaderChanges
	timeouts
	nullified
	gaps
	rescues
	quorumDelay
	validatorLag
	fallbacks
	blockDoubts
	equivocations
	divergences
	diverged
	splits
	suspensions
	messages

	poolTransactions
	poolSize
	admissions
	inclusion

	networkBytes
	networkMessages
	queueTime
	queued
	queuedSize
	networkDrops
	peerUp
	roundTrip
	peerConnects
	peerFailures
	networkRefusals

	fsync
	diskSize
	diskFree
	diskCapacity

	calls
	fuel
	faults
	callTime
	memory
	compileTime
	compileFailures
	slowCalls
	releases
	shadowCompared
	shadowDiverged
	shadowFaults
	samples

	proposals
	changes
	commands
	reports

	verdict
	alerts
	budget
	burnRate

	familyCount
)

// What histograms tell apart, in seconds.
var (
	delays = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	coarse = []float64{0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 5}
	syncs  = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1}
	short  = []float64{0.00001, 0.0001, 0.001, 0.01, 0.1, 1}
)

// table has every family of a node. What is registered and the page docs/metrics.md come from it.
var table = [familyCount]Family{
	build:        {"quoin.build.info", Gauge, "", "1: the version of the program, of Go, and of the sandbox's engine.", labels("version", "go_version", "engine"), nil},
	nodeInfo:     {"quoin.node.info", Gauge, "", "1: the name that the node has as a validator, if it is one, and its network and chain.", labels("validator", "network", "chain"), nil},
	nodeTime:     {"quoin.node.time", Gauge, "s", "The node's clock, since 1970. Compare it with the time of the scrape.", nil, nil},
	nodeObserver: {"quoin.node.observer", Gauge, "", "1 if the node does not vote although its key may be a validator's: its vote log cannot be trusted.", nil, nil},
	nodeVotes:    {"quoin.node.votes", Gauge, "", "1 if the node votes in the present epoch.", nil, nil},
	nodeEvents:   {"quoin.node.events", Counter, "{event}", "What happened on this node, by the stable names of its events.", labels("event"), nil},
	logsDropped:  {"quoin.logs.dropped", Counter, "{record}", "Log records that were dropped because writing them would have meant to wait.", nil, nil},
	spansDropped: {"quoin.traces.dropped", Counter, "{span}", "Spans that were dropped because exporting them would have meant to wait.", nil, nil},
	apiRefusals:  {"quoin.api.refusals", Counter, "{request}", "Requests of clients that the API refused, by its stable codes.", labels("code"), nil},
	viewers:      {"quoin.dashboard.viewers", Gauge, "{viewer}", "Viewers of the dashboard that are connected.", nil, nil},
	scrapes:      {"quoin.metrics.scrapes", Counter, "{scrape}", "Answers to scrapers: collected anew, shared with a scrape just before, or refused.", labels("result"), nil},

	height:        {"quoin.chain.height", Gauge, "{block}", "Height of the newest block that is certified here.", nil, nil},
	heightSynced:  {"quoin.chain.height.synced", Gauge, "{block}", "Height of the newest certified block that is durable here.", nil, nil},
	behind:        {"quoin.chain.behind", Gauge, "{block}", "Catch-up lag: blocks that validators of more than f of the weight have made final and that are not certified here.", nil, nil},
	blockAge:      {"quoin.chain.block.age", Gauge, "s", "Age of the newest certified block, by the node's clock and the time in the block. An idle chain makes a block every heartbeat.", nil, nil},
	heartbeat:     {"quoin.chain.heartbeat", Gauge, "s", "How often an idle chain certifies an empty block; 0: never.", nil, nil},
	blocks:        {"quoin.chain.blocks", Counter, "{block}", "Blocks that were certified here.", nil, nil},
	entries:       {"quoin.chain.entries", Gauge, "{entry}", "Entries of the certified ledger.", nil, nil},
	transactions:  {"quoin.chain.transactions", Counter, "{transaction}", "Transactions that were certified here.", nil, nil},
	certification: {"quoin.chain.certification.duration", Histogram, "s", "Certification latency: from when this node waited for a block of the view to the block's certificate, as in its health reports.", nil, delays},
	finality:      {"quoin.chain.finality.duration", Histogram, "s", "Finality latency: from hearing a proposal to its block being certified and durable here.", nil, delays},
	executionTime: {"quoin.execution.duration", Histogram, "s", "Executing one block.", nil, delays},

	view:          {"quoin.consensus.view", Gauge, "{view}", "The present view, counted anew in each epoch.", nil, nil},
	epoch:         {"quoin.consensus.epoch", Gauge, "{epoch}", "The present epoch.", nil, nil},
	validators:    {"quoin.consensus.validators", Gauge, "{validator}", "Validators of the present epoch.", nil, nil},
	uncertified:   {"quoin.consensus.uncertified", Gauge, "{block}", "Blocks on top of the newest certified one.", nil, nil},
	leaderChanges: {"quoin.consensus.leader.changes", Counter, "{change}", "Certified blocks whose proposer was not that of the block before.", nil, nil},
	timeouts:      {"quoin.consensus.timeouts", Counter, "{view}", "Views that this node gave up waiting for.", nil, nil},
	nullified:     {"quoin.consensus.nullified", Counter, "{view}", "Views that a quorum gave up.", nil, nil},
	gaps:          {"quoin.consensus.gaps", Counter, "{view}", "Views without a block, before certified blocks.", nil, nil},
	rescues:       {"quoin.consensus.rescues", Counter, "{block}", "Certified blocks of rescue views, whose leaders are the validators in turn whatever leader.v1 says.", nil, nil},
	quorumDelay:   {"quoin.consensus.quorum.delay", Histogram, "s", "From hearing a proposal to a quorum of votes for its block, by the proposer.", labels("validator"), coarse},
	validatorLag:  {"quoin.consensus.validator.lag", Gauge, "{view}", "Views since this node heard of a validator last.", labels("validator"), nil},
	fallbacks:     {"quoin.consensus.fallbacks", Counter, "{question}", "Questions that a slot's plugin did not answer, so that the kernel's fallback or refusal took the place of the answer.", labels("slot"), nil},
	blockDoubts:   {"quoin.consensus.block.doubts", Counter, "{block}", "Blocks that this node refused, withheld its vote for, or could not judge.", labels("result"), nil},
	equivocations: {"quoin.consensus.equivocations", Counter, "{message}", "Contradictory signed messages of other validators.", nil, nil},
	divergences:   {"quoin.consensus.divergences", Counter, "{block}", "Blocks for which this node's result differed from a quorum's.", nil, nil},
	diverged:      {"quoin.consensus.diverged", Gauge, "", "1 while this node's result differs from a quorum's: until that is mended it does not vote.", nil, nil},
	splits:        {"quoin.consensus.splits", Counter, "{block}", "Blocks for which honest votes named different results.", nil, nil},
	suspensions:   {"quoin.consensus.suspensions", Counter, "{namespace}", "Namespaces that were suspended because their machine gave validators different results.", nil, nil},
	messages:      {"quoin.consensus.messages", Counter, "{message}", "Messages of peers: taken in, stale, or refused as malformed or badly signed.", labels("result"), nil},

	poolTransactions: {"quoin.mempool.transactions", Gauge, "{transaction}", "Transactions that are pending here.", nil, nil},
	poolSize:         {"quoin.mempool.size", Gauge, "By", "Bytes of the pending transactions, without the kernel's.", nil, nil},
	admissions:       {"quoin.mempool.admissions", Counter, "{transaction}", "What became of transactions that clients or peers brought: admitted, known already, or refused, by stable codes.", labels("code"), nil},
	inclusion:        {"quoin.mempool.inclusion.duration", Histogram, "s", "Inclusion delay: from a transaction's admission here to the certificate of its block.", nil, delays},

	networkBytes:    {"quoin.network.io", Counter, "By", "Bytes of messages to and from peers.", labels("class", "direction"), nil},
	networkMessages: {"quoin.network.messages", Counter, "{message}", "Messages to and from peers.", labels("class", "direction"), nil},
	queueTime:       {"quoin.network.queue.duration", Histogram, "s", "How long messages for peers waited for their link.", labels("class"), waitBounds()},
	queued:          {"quoin.network.queue.messages", Gauge, "{message}", "Messages that wait for their link.", labels("class"), nil},
	queuedSize:      {"quoin.network.queue.size", Gauge, "By", "Bytes that wait for their link.", labels("class"), nil},
	networkDrops:    {"quoin.network.drops", Counter, "{message}", "Messages for peers that were not sent, by reason.", labels("class", "reason"), nil},
	peerUp:          {"quoin.network.peer.up", Gauge, "", "1 if messages to the peer are being sent.", labels("peer"), nil},
	roundTrip:       {"quoin.network.peer.round_trip", Gauge, "s", "Round trip to the peer, as the kernel's TCP measures it.", labels("peer"), nil},
	peerConnects:    {"quoin.network.peer.connects", Counter, "{link}", "Times that the link to the peer came up.", labels("peer"), nil},
	peerFailures:    {"quoin.network.peer.failures", Counter, "{attempt}", "Attempts to reach the peer that did not succeed.", labels("peer"), nil},
	networkRefusals: {"quoin.network.refusals", Counter, "{connection}", "Connections, streams and frames of strangers and peers that were refused, by reason.", labels("reason"), nil},

	fsync:        {"quoin.disk.sync.duration", Histogram, "s", "One fsync: of the vote log, which votes wait for, or of the store, which receipts wait for.", labels("file"), syncs},
	diskSize:     {"quoin.disk.size", Gauge, "By", "Bytes of the node's files.", labels("file"), nil},
	diskFree:     {"quoin.disk.free", Gauge, "By", "Bytes that the file system of the node's folder has left for it.", nil, nil},
	diskCapacity: {"quoin.disk.capacity", Gauge, "By", "Bytes that the file system of the node's folder has in all.", nil, nil},

	calls:           {"quoin.plugin.calls", Counter, "{request}", "Questions that were answered, or were not because of a fault; a batch counts each of its requests.", bound(), nil},
	fuel:            {"quoin.plugin.fuel", Counter, "{fuel}", "Fuel that was used.", bound(), nil},
	faults:          {"quoin.plugin.faults", Counter, "{fault}", "Calls without an answer, by the fault's stable name.", bound("code"), nil},
	callTime:        {"quoin.plugin.call.duration", Histogram, "s", "One call of a guest, which may answer a whole batch. Built-ins are not timed.", bound(), short},
	memory:          {"quoin.plugin.memory.max", Gauge, "By", "The most memory that a guest had after a call.", bound(), nil},
	compileTime:     {"quoin.plugin.compile.duration", Gauge, "s", "How long compiling the release took, the last time, or reading it from the cache.", labels("release"), nil},
	compileFailures: {"quoin.plugin.compile.failures", Counter, "{release}", "Times that a release could not be compiled.", nil, nil},
	slowCalls:       {"quoin.plugin.slow", Counter, "{call}", "Calls that took so long that the watchdog reported them.", nil, nil},
	releases:        {"quoin.plugin.releases", Gauge, "{release}", "Releases that governance names, by how far they have come on this node.", labels("state"), nil},
	shadowCompared:  {"quoin.plugin.shadow.compared", Counter, "{call}", "Calls of what serves that were compared with the candidate's, or, on trial, with those of what served before.", bound(), nil},
	shadowDiverged:  {"quoin.plugin.shadow.diverged", Counter, "{call}", "Compared calls with another result.", bound(), nil},
	shadowFaults:    {"quoin.plugin.shadow.faults", Counter, "{call}", "Compared calls at which the candidate faulted and the incumbent did not.", bound(), nil},
	samples:         {"quoin.plugin.samples", Counter, "{call}", "Calls that were chosen to be replayed on the interpreter: replayed alike, differed (the compiler, the interpreter or the machine is wrong), dropped, not recorded, or failed.", labels("result"), nil},

	proposals: {"quoin.governance.proposals", Gauge, "{proposal}", "Open proposals and those on trial, by status.", labels("status"), nil},
	changes:   {"quoin.governance.changes", Counter, "{change}", "Changes of what serves a slot, by cause: proposal is an activation; rollback, quarantine, pause and unconfirmed are returns.", labels("cause"), nil},
	commands:  {"quoin.governance.commands", Counter, "{command}", "Certified commands of governance, carried out or refused.", labels("command", "result"), nil},
	reports:   {"quoin.governance.reports", Counter, "{report}", "Certified reports that this node signed: on shadows, and on the health of what serves.", labels("kind"), nil},

	verdict:  {"quoin.health.verdict", Gauge, "", "1 for the verdict of the node's own health model: healthy, degraded, failing, or unknown.", labels("result"), nil},
	alerts:   {"quoin.health.alerts", Gauge, "", "1 for each alert that holds by the node's own health model.", labels("alert"), nil},
	budget:   {"quoin.health.budget.left", Gauge, "1", "Share of an objective's error budget that is left; below 0 it is overdrawn. It begins anew when the node starts.", labels("objective"), nil},
	burnRate: {"quoin.health.burn.rate", Gauge, "1", "Burn rate of an objective's error budget, over the long window of the fast, medium and slow alert. At 1 the budget is used up at the end of its window.", labels("objective", "window"), nil},
}

func labels(names ...string) []string { return names }

// bound are the labels of what concerns a binding.
func bound(more ...string) []string { return append([]string{"slot", "release"}, more...) }

// A section of the page begins at a family.
var sections = []struct {
	first int
	title string
}{
	{build, "The node"}, {height, "The chain"}, {view, "Consensus"}, {poolTransactions, "Pending transactions"}, {networkBytes, "Network"},
	{fsync, "Disk"}, {calls, "Plugins"}, {proposals, "Governance"}, {verdict, "Health"},
}
