package chained

// Kept returns the bytes of the proposals that are kept.
func (m *Chained) Kept() int { return m.candidateBytes }

// Rounds returns the number of views of which votes or timeouts are kept.
func (m *Chained) Rounds() int { return len(m.rounds) }
