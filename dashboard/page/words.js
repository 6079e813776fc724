// Short explanations for people who are new here, and what to do when something is wrong.

/** classes say what a plugin of a class is trusted with. */
export const classes = {
  N: "Node-local: a bad one costs one node's speed.",
  L: "Liveness: a bad one costs time, never safety.",
  D: "Deterministic: a bad one costs the results of its own namespace.",
  G: "Governance: who votes, who has a say, and by which rules.",
};

/** stages are the road of a proposal, in order, with what each means. */
export const stages = [
  ["proposed", "Proposed", "Validators check by themselves whether they can run it."],
  ["prechecked", "Checked", "A quorum of validators compiled and tried it. Approvers judge it now."],
  ["approved", "Approved", "The policy of its class is satisfied."],
  ["shadow", "Shadow", "It runs beside what serves on the same input; results are compared and discarded."],
  ["scheduled", "Scheduled", "It takes effect after a fixed height, on all nodes alike, if a quorum is ready."],
  ["trial", "Trial", "It serves, and goes by itself unless somebody confirms it."],
  ["active", "Active", "It serves."],
];

/** ends are the ways in which a proposal leaves its road. */
export const ends = {
  rejected: "It does not take effect.", vetoed: "Validators of more than a third of the weight objected.", "rolled-back": "What served before serves again.",
  quarantined: "It faulted so often that the rules took it out of service.", cancelled: "Its proposer withdrew it.", paused: "Out of effect until somebody resumes it.",
  superseded: "A later proposal serves in its place.", deprecated: "It serves, with an end of use.", retired: "Nothing may bind it again.",
};

/** terms are for the questions that a picture raises. */
export const terms = {
  view: "A view is one attempt to agree on one block: a leader proposes, validators execute the block and vote on its result.",
  rescue: "Every fourth view is a rescue view: a validator in turn leads it, whatever the leader plugin says. So no plugin can stop the network.",
  notarize: "A notarize vote says: I executed this block, and this is what it results in.",
  finalize: "A finalize vote signs the resulting checkpoint. A quorum of them makes the block final.",
  nullify: "A nullify vote gives the view up, as when no proposal came in time. A quorum of them ends the view without a block.",
  interval: "The interval is the Wilson score interval at 95 %: where the true share lies, as far as so many calls can tell.",
  certification: "Certification latency is the time from a block's beginning at its leader until its certificate is durable on this node.",
};

/** playbooks say what each alert means and what to do first. The whole of it is in docs/playbooks.md, at the alert's name. */
export const playbooks = {
  QuoinChainStalled: ["No block becomes final although transactions wait.", "Ask every validator with `quoin status`: more than two thirds of the weight must answer. Start those that are away.", "quoin status --api https://HOST:PORT"],
  QuoinNodeBehind: ["This node lacks heights that the others have.", "It catches up by itself; if the lag grows, look at its disk and its links.", "quoin doctor"],
  QuoinNodeDown: ["A node does not answer its monitoring.", "Start it where it ran; it knows what it signed, and brings what it missed.", "quoin node start --dir DIR"],
  QuoinViewChangesHigh: ["Many views bring no block.", "Look at the consensus view: one silent row is a validator that is away; many faults of the leader binding are a bad release, which you pause.", "quoin release pause NUMBER --as RESPONDER"],
  QuoinCertificationSlow: ["Blocks take longer to become final than the target.", "Compare the plugins' time with the network's round trips: what grew since the last mark is the cause.", "quoin doctor"],
  QuoinPluginFaults: ["Calls of a plugin fault; its fallback answers in its stead.", "See its codes in the plugins view. Take it back if it is new.", "quoin release rollback SLOT"],
  QuoinPluginSlow: ["Calls of plugins take much of the time that a block has.", "See nanoseconds per fuel in the plugins view; take back what came last.", "quoin release rollback SLOT"],
  QuoinShadowDiverges: ["What runs in the shadow gives other results than what serves.", "Nothing is wrong yet: it changes nothing. Find out whether it is meant to differ before it is scheduled.", "quoin release show NUMBER"],
  QuoinResultDiverged: ["This node computes other results than the others.", "It does not vote. Keep its folder, stop it and report it; it is not safe to guess who is right.", "quoin status"],
  QuoinSplit: ["Validators got different results for one block.", "The namespace is suspended by itself. Replace its machine, then lift the suspension.", "quoin release lift NAMESPACE"],
  QuoinDiskSlow: ["Writes take long to become durable.", "Votes wait for the disk: move other load away from it, or move the node.", "quoin doctor"],
  QuoinDiskFull: ["The disk is nearly full.", "A node that cannot write stops. Make room.", "quoin doctor"],
  QuoinPeerUnreachable: ["A peer cannot be reached.", "See the links in the overview; check the address, the firewall, and whether the node runs.", "quoin doctor"],
  QuoinMempoolFull: ["The pool of pending transactions is full, and refuses new ones.", "Lower the load, or find out why blocks are slow.", "quoin status"],
  QuoinErrorBudgetFastBurn: ["So much goes wrong that the error budget is used up long before its time.", "Act now: look at the newest marks, and take back what changed last.", "quoin release history SLOT"],
  QuoinErrorBudgetSlowBurn: ["A little goes wrong all the time, and the error budget will not last.", "Plan the repair; nobody has to get up for it.", "quoin release history SLOT"],
  QuoinObserver: ["This node is a validator and does not vote.", "Its vote log cannot be trusted. It needs another key, by governance.", "quoin key rotate"],
  QuoinLogsDropped: ["Log lines were dropped, since writing them would have made consensus wait.", "Log less, or give the log a faster place.", "quoin doctor"],
  QuoinClockSkew: ["This node's clock differs from the others'.", "Set it by NTP. Blocks whose time is too far ahead are not voted for.", "quoin doctor"],
};
