package simplex

// Kept returns the bytes of the proposals that are kept.
func (m *Simplex) Kept() int { return m.candidateBytes }
