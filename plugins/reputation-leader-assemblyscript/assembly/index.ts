// The leader by reputation of plugins/reputation-leader, whose package reputation tells its rule, its
// source and who can bias it. It answers every request as that one does.
import * as leader from "../quoin/leader";

export function leader_v1(): i32 {
  return leader.answer(lead(leader.request()));
}

// The window's length in blocks.
const windowLeast = 8;
const windowMost = 64;

// Names the draw; another algorithm's draws from the same seed are independent of it.
const label = "quoin/reputation-leader/v1";

function lead(r: leader.Request): i32 {
  const w = window(r);
  if (r.blocks >= w) {
    const candidates = new leader.Validators(r);
    for (let j = 0; j < w; j++) candidates.addVoters(j);
    candidates.remove(recent(r));
    const proposer = leader.choose(r, label, candidates);
    if (proposer >= 0) return proposer;
  }
  return <i32>(leader.turn(r) % r.validators);
}

function window(r: leader.Request): i32 {
  const params = r.params;
  if (params.length == 1 && params[0] >= 1 && params[0] <= windowMost) return params[0];
  return min(max(2 * r.validators, windowLeast), windowMost);
}

// The proposers of the newest blocks whose weight together is at most f. It looks at the whole
// window: the same few may have led for longer than w blocks.
function recent(r: leader.Request): leader.Validators {
  const set = new leader.Validators(r);
  let left = leader.faulty(r);
  for (let j = 0; j < r.blocks; j++) {
    const p = r.block(j).proposer;
    if (set.has(p)) continue;
    const weight = r.validator(p).weight;
    if (weight > left) break;
    left -= weight;
    set.add(p);
  }
  return set;
}
