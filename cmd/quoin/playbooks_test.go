package main

import (
	"os"
	"strings"
	"testing"
)

// playbook is a section of docs/playbooks.md, with what has happened before anybody opens it and what shows
// afterwards that it helped, both written as a page tells a session.
type playbook struct{ title, before, after string }

const (
	// onTrial has a leader on trial.
	onTrial = `
    quoin dev --load 50
    quoin release propose --builtin weighted-random --hook leader.v1 --trial 50000
    quoin release approve 1
    quoin release approve 1 --as approver-2
    quoin release schedule 1
    quoin release show 1
      status …trial
`
	// active has another leader for good.
	active = `
    quoin dev --load 50
    quoin release propose --builtin weighted-random --hook leader.v1
    quoin release approve 1
    quoin release approve 1 --as approver-2
    quoin release schedule 1
    quoin release show 1
      status …active
`
	// four is a network of processes.
	four = `
    quoin testnet --nodes 4 --dir net --host 127.0.0.1
    quoin node start --dir net/validator-1
    quoin node start --dir net/validator-2
    quoin node start --dir net/validator-3
    quoin node start --dir net/validator-4
    quoin tx put before all
`
	// halfAway has such a network with another leader, two of which were killed.
	halfAway = four + `
    quoin release propose --builtin weighted-random --hook leader.v1
    quoin release approve 1
    quoin release approve 1 --as approver-2
    quoin release schedule 1
    quoin tx load updates --seconds 2 --clients 4 --records 10 --value-bytes 10
    quoin release history leader.v1
      2 …proposal …built-in weighted-random
    stop net/validator-3
    stop net/validator-4
`
	// fourOnTrial has such a network with a leader on trial.
	fourOnTrial = four + `
    quoin release propose --builtin weighted-random --hook leader.v1 --trial 50000
    quoin release approve 1
    quoin release approve 1 --as approver-2
    quoin release schedule 1
    quoin tx load updates --seconds 2 --clients 4 --records 10 --value-bytes 10
    quoin release history leader.v1
      2 …proposal …built-in weighted-random
`
	// oneBurned has such a network, one of which is gone for good.
	oneBurned = four + `
    stop net/validator-4
    rm -r net/validator-4
`
	// withoutAnother needs the validator that came back.
	withoutAnother = `
    stop net/validator-3
    quoin tx put after all
      certified…
`
	// threeApprovers has a network of one validator and keys of its own.
	threeApprovers = `
    quoin node init --dir node --name alice --listen 127.0.0.1:26700 --listen-api 127.0.0.1:26600 --address 127.0.0.1:26700
    quoin key new proposer.key
    quoin key new approver-1.key
    quoin key new approver-2.key
    quoin key new approver-3.key
    quoin genesis --network example --validator node/public.json --proposer proposer.key --approver approver-1.key --approver approver-2.key --approver approver-3.key --out example
    cp example/genesis.json example/peers.json node/
    quoin node start --dir node
    quoin context use --api https://127.0.0.1:26600 --genesis example/genesis.json --key proposer=proposer.key --key approver-1=approver-1.key --key approver-2=approver-2.key
`
	// halfApproved has one proposal with one approval, and another one without.
	halfApproved = `
    quoin dev --load 50
    quoin release propose --builtin weighted-random --hook leader.v1 --shadow 16 --trial 50000
    quoin release approve 1
    quoin release propose --builtin small-first --hook priority.v1
`
	// wrongState has another binding of the key-value machine on trial, whose state can be restored.
	wrongState = `
    quoin dev --load 50
    quoin tx put greeting hello
    quoin release propose --builtin kv --hook machine.v1 --namespace kv --fuel 5000000 --trial 50000 --state restore
    quoin release approve 1
    quoin release approve 1 --as approver-2
    quoin release schedule 1
    quoin release show 1
      status …trial
`
)

// playbookHost takes the place of 127.0.0.1, where other networks may run.
const playbookHost = "127.31.7.6"

var playbooks = []playbook{
	{"A bad release", onTrial, ""},
	{"The network stalls", halfAway, ""},
	{"A key is lost", threeApprovers, ""},
	{"A validator's key is lost", oneBurned, withoutAnother},
	{"Roll back code and state", wrongState, ""},
	{"An emergency that nobody can review", active, ""},
	{"An end of life has passed", active, ""},
	{"A proposal does not move", halfApproved, ""},
	{"Alerts", fourOnTrial, ""},
}

// TestPlaybooks runs each playbook on a network that has the trouble.
func TestPlaybooks(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes a minute")
	}
	sections := sectionsOf(readPage(t, "playbooks.md"))
	for _, p := range playbooks {
		t.Run(p.title, func(t *testing.T) {
			if n := len(session(t, sections[p.title])); n < 5 {
				t.Errorf("only %d commands: is the page still indented by four spaces?", n)
			}
			all := p.before + sections[p.title] + p.after
			runSession(t, session(t, strings.ReplaceAll(all, "127.0.0.1", playbookHost)))
		})
	}
	if len(sections) != len(playbooks) {
		t.Errorf("the page has %d playbooks, %d are tested", len(sections), len(playbooks))
	}
}

// sectionsOf returns the sections of a page by their titles.
func sectionsOf(page string) map[string]string {
	sections := map[string]string{}
	for _, part := range strings.Split(page, "\n## ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		sections[title] = text
	}
	return sections
}
