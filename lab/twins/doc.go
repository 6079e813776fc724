// Package twins plays a protocol with one validator that runs twice with one key (Bano and others, "Twins:
// BFT Systems Made Robust", OPODIS 2021): each copy is honest code, together they equivocate, forget and
// contradict themselves. Four validators of equal weight are five processes.
//
// A Scenario says, view by view, who leads and who hears whom. Run plays one. A Space is all scenarios of a
// number of views: Jobs are its parts, to be explored in any order and by several goroutines, and Sample
// draws from it by a seed. A run asks for what a scenario says only when that matters, and so stands for all
// scenarios that differ in what it never asked for; Explored counts them all. Shrink makes a scenario that
// breaks an invariant small.
//
// Checked are I1, I2 and I8, as in package protocol, whose Node and Observer are used, and, where the
// network heals, I5: within 120 message delays everyone honest certifies something new. Signatures are
// modelled (consensus/model), and time is in message delays.
//
// The same scenario, and the same Space with the same seed, give the same digest, whatever the order of
// jobs. A run is for one goroutine; runs share nothing.
package twins
