package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// statusLine is a line on standard error that says how things stand: rewritten in place on a
// terminal, written anew every few seconds elsewhere.
type statusLine struct {
	t     *terminal
	live  bool
	shown bool
}

func (t *terminal) statusLine() *statusLine {
	f, ok := t.err.(*os.File)
	return &statusLine{t: t, live: ok && term.IsTerminal(int(f.Fd()))}
}

// every returns how often a new line is worth printing.
func (l *statusLine) every() time.Duration {
	if l.live {
		return 500 * time.Millisecond
	}
	return 5 * time.Second
}

func (l *statusLine) print(format string, a ...any) {
	if !l.live {
		l.t.note(format, a...)
		return
	}
	fmt.Fprintf(l.t.err, "\r\x1b[K"+format, a...)
	l.shown = true
}

// keep calls print now and then, from a goroutine of its own, until the function that it returns is called;
// then the last line stands.
func (l *statusLine) keep(print func(now time.Time)) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(l.every())
		defer tick.Stop()
		for {
			select {
			case <-quit:
				l.end()
				return
			case now := <-tick.C:
				print(now)
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// end leaves the last line standing.
func (l *statusLine) end() {
	if l.shown {
		fmt.Fprintln(l.t.err)
	}
}

// above prints a line that stays, above the one that is rewritten.
func (l *statusLine) above(format string, a ...any) {
	if l.live {
		fmt.Fprint(l.t.err, "\r\x1b[K")
	}
	l.t.note(format, a...)
}
