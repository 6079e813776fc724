package lab

import "testing"

// Whatever a seed chooses is among what is compiled for all seeds.
func TestCorpusHasWhatSeedsChoose(t *testing.T) {
	corpus, err := NewCorpus()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range chainFixtures {
		if p := corpus.propose(name); p.Release.Name == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
