package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/sdk/conformance/compare"
)

// diffReport is what plugin diff found.
type diffReport struct {
	Old releaseReport `json:"old"`
	New releaseReport `json:"new"`
	compare.Report
}

func newPluginDiff(t *terminal) *cobra.Command {
	var f questionFlags
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "Compare two releases, and say whether the new one can take the old one's place", Args: args(2, 2),
		Long: "Compare two releases (files, or folders to build): what they say of themselves, and what they do with the\n" +
			"same requests: recorded blocks, or else random ones. If the new one cannot take the old one's place under\n" +
			"the same binding, the exit code is 4. What results, state and fuel may mean is for approvers to judge.",
		RunE: func(c *cobra.Command, a []string) error {
			v, err := diffPlugins(c, a[0], a[1], &f)
			if err != nil {
				return err
			}
			if err := t.data(v, v.print); err != nil {
				return err
			}
			if !v.Replaceable {
				return refused("not-replaceable", "the new release cannot take the old one's place", "its difference in "+strings.Join(v.blocking(), ", ")+" forbids it",
					"what each code means is in docs/plugin-tools.md")
			}
			return nil
		},
	}
	f.add(c, 400)
	return c
}

func diffPlugins(c *cobra.Command, oldPath, newPath string, f *questionFlags) (*diffReport, error) {
	ctx := c.Context()
	old, err := openSubject(ctx, oldPath)
	if err != nil {
		return nil, err
	}
	next, err := openSubject(ctx, newPath)
	if err != nil {
		return nil, err
	}
	dir := next.dir
	if dir == "" {
		dir = old.dir
	}
	o, err := f.options(dir)
	if err != nil {
		return nil, err
	}
	r, err := compare.Releases(ctx, old.file, next.file, compare.Options{Seed: o.Seed, Calls: o.Calls, Params: o.Params, Payloads: o.Payloads, Records: o.Records})
	if err != nil {
		return nil, toolFault(ctx, "the releases were not compared", err)
	}
	return &diffReport{Old: reportOf(old.report), New: reportOf(next.report), Report: *r}, nil
}

// blocking lists the codes that forbid it.
func (v *diffReport) blocking() (codes []string) {
	for _, d := range v.Differences {
		if d.Blocks {
			codes = append(codes, d.Code)
		}
	}
	return codes
}

func (v *diffReport) print(w io.Writer) {
	table(w, func(row func(...any)) {
		row("", "OLD", "NEW")
		row("release", v.Old.Name+" "+v.Old.Version, v.New.Name+" "+v.New.Version)
		row("sequence", v.Old.Sequence, v.New.Sequence)
		row("digest", v.Old.Digest, v.New.Digest)
		row("hooks", strings.Join(v.Old.Hooks, " "), strings.Join(v.New.Hooks, " "))
		row("capabilities", orNone(v.Old.Capabilities), orNone(v.New.Capabilities))
		row("file bytes", v.Old.FileBytes, v.New.FileBytes)
	})
	if len(v.Differences) > 0 {
		fmt.Fprintln(w)
		table(w, func(row func(...any)) {
			row("CODE", "", "OLD", "NEW", "")
			for _, d := range v.Differences {
				forbids := ""
				if d.Blocks {
					forbids = "forbids"
				}
				row(d.Code, forbids, clipped(d.Old), clipped(d.New), d.Detail)
			}
		})
	}
	if len(v.Operations) > 0 {
		fmt.Fprintln(w)
		table(w, func(row func(...any)) {
			row("OPERATION", "ASKED", "OTHER ANSWERS", "FAULTS", "FUEL", "RATIO", "AT MOST")
			for _, o := range v.Operations {
				row(o.Operation, o.Asked, o.Different, fmt.Sprintf("%d, now %d", o.FaultsOld, o.FaultsNew), fmt.Sprintf("%d, now %d", o.FuelOld, o.FuelNew), o.FuelRatio, o.FuelRatioMost)
			}
		})
		for _, o := range v.Operations {
			for _, e := range o.Examples {
				fmt.Fprintf(w, "%s, question %d: %s\n  old: %s\n  new: %s\n", o.Operation, e.Number, clipped(e.Request), clipped(e.Old), clipped(e.New))
			}
		}
	}
	if v.Replaceable {
		fmt.Fprintln(w, "the new release can take the old one's place under the same binding")
	}
}

// clipped shortens what would break a table.
func clipped(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
