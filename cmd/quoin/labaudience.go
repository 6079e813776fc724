package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench/audience"
)

// audienceFlags say who looks at dashboards.
type audienceFlags struct {
	o      audience.Options
	hammer bool
}

func (f *audienceFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&f.o.Viewers, "viewers", 1, "browsers that look at the first node")
	c.Flags().IntVar(&f.o.Scrapers, "scrapers", 1, "that read the metrics of all nodes in turn")
	c.Flags().DurationVar(&f.o.Every, "every", 5*time.Second, "between two turns of a scraper")
	c.Flags().BoolVar(&f.hammer, "hammer", false, "scrapers do not pause")
}

// options returns them checked.
func (f *audienceFlags) options() (audience.Options, error) {
	o := f.o
	if f.hammer {
		o.Every = 0
	}
	if err := o.Check(); err != nil {
		return o, usage(err.Error(), "see `quoin lab audience --help`")
	}
	return o, nil
}

func newLabAudience(t *terminal) *cobra.Command {
	var f audienceFlags
	var duration time.Duration
	var attended bool
	c := &cobra.Command{
		Use: "audience URL...", Short: "Look at dashboards as many browsers and scrapers do, and count what is refused", Args: args(1, 100),
		Long: "Look at the dashboards of your own nodes as many browsers and scrapers do: viewers open /live of the first\n" +
			"URL, scrapers read /metrics of all of them. It shows what their limits let in. See docs/observability-cost.md.",
		RunE: func(c *cobra.Command, urls []string) error {
			f.o.Nodes = urls
			o, err := f.options()
			if err != nil {
				return err
			}
			if duration <= 0 {
				return usage("--duration must be above 0", "see `quoin lab audience --help`")
			}
			ctx, stop := context.WithTimeout(c.Context(), duration)
			defer stop()
			if attended {
				go func() {
					_, _ = io.Copy(io.Discard, os.Stdin)
					stop()
				}()
			}
			r := audience.Run(ctx, o)
			return t.data(r, func(w io.Writer) { table(w, func(row func(...any)) { audienceRows(row, &r) }) })
		},
	}
	f.add(c)
	c.Flags().DurationVar(&duration, "duration", 30*time.Second, "how long")
	c.Flags().BoolVar(&attended, "attended", false, "end when the standard input does")
	_ = c.Flags().MarkHidden("attended") // fails only for a flag that is not there
	return c
}

func audienceRows(row func(...any), r *audience.Report) {
	row("streams", fmt.Sprintf("%d open at the most, %d refused, %d ended by a server; %d frames", r.Streams, r.StreamsRefused, r.StreamsEnded, r.Frames))
	row("polls", fmt.Sprintf("%d answered, %d refused", r.Polls, r.PollsRefused))
	row("scrapes", fmt.Sprintf("%d answered, %d refused", r.Scrapes, r.ScrapesRefused))
	row("no answer", r.Failed)
	row("read", fmt.Sprintf("%.1f MiB", float64(r.Bytes)/(1<<20)))
}

// audienceStay bounds how long an audience outlives whoever let it in and died.
const audienceStay = time.Hour

// seatApart lets an audience in as a process of its own, so that what it costs itself is not counted as the
// nodes', and, where there is the program nice, one that takes little of the processors: audiences sit at
// other machines. It ends with this process.
func (t *terminal) seatApart(ctx context.Context, o audience.Options) (leave func() (audience.Report, error), err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	line := []string{program, "lab", "audience", "--attended", "--output", formatJSON, "--viewers", fmt.Sprint(o.Viewers), "--scrapers", fmt.Sprint(o.Scrapers),
		"--every", o.Every.String(), "--duration", audienceStay.String()}
	if nice, err := exec.LookPath("nice"); err == nil {
		line = slices.Concat([]string{nice, "-n", "10"}, line)
	}
	line = append(line, o.Nodes...)
	c := exec.CommandContext(ctx, line[0], line[1:]...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, t.err
	attention, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() (r audience.Report, err error) {
		_ = attention.Close()
		if err := c.Wait(); err != nil {
			return r, fmt.Errorf("the audience: %w", err)
		}
		return r, json.Unmarshal(out.Bytes(), &r)
	}, nil
}
