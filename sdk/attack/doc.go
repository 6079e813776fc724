// Package attack attacks the sandbox, and plugins in it.
//
// # The corpus
//
// Run plays every Case: a fixture of plugin/hostile, or a hostile transaction, proposal or file, and
// what must come of it. Rows lists the attacks that the cases belong to, by the numbers of the list of
// threats. Every case is judged by one rule:
//
//   - the process lives: cases run in children, and a child that dies or hangs is a miss;
//   - the same outcome to the byte, fault and fuel included, compiled and interpreted, on several
//     tables, the first time and the second;
//   - resident memory grows by at most GrowthMax;
//   - a bystander, another plugin in the same tables and on the same chain, gives the same results
//     and has the same state as without the attack;
//   - on a chain, the fault is in the result of who asked for it, or, where no client's input caused it,
//     counted against the binding, and the third in an epoch quarantines the release.
//
// That the judges see what they are for is shown by holes, which tests open one at a time: a host with
// a check switched off must be reported as a miss.
//
// # Governance
//
// Governance lists the attacks on the life of a release as data: how each is tried, who refuses it with which
// stable code, and what stays as it was. They are cases of the corpus, too.
//
// # Plugins
//
// Aim asks a release hostile questions: requests that are valid, as bad as the hooks' limits allow,
// and drawn from a seed, on states and worlds full of hostile values, with little fuel, with little
// memory, and with a state that cannot be read. Faults, answers that the host would cut down, and
// differences between the engines are reported with the seed that repeats them.
//
// Nothing here is safe for concurrent use.
package attack
