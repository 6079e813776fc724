package attack

import "testing"

func TestPlay(t *testing.T) {
	s, err := newStage(HoleNone)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, c := range Cases() {
		t.Run(c.Fixture, func(t *testing.T) {
			r := s.play(&c)
			t.Logf("row %d: %s, fuel %d, %d KiB %s", r.Row, r.Observed, r.Fuel, r.Growth>>10, r.Note)
			if !r.Passed() {
				t.Error(r.Problem)
			}
		})
	}
}
