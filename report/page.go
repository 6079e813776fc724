package report

import "io"

// Window is a part of a run's time, in microseconds; the zero value lets the page choose.
type Window struct{ FromUS, ToUS uint64 }

// Page writes the run as one HTML page. The window is what its message-sequence chart shows.
func (r *Run) Page(w io.Writer, window Window) error {
	_, err := io.WriteString(w, "")
	return err
}
