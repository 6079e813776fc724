package main

import (
	"encoding/base64"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newGet(t *terminal) *cobra.Command {
	var namespace, proof string
	c := &cobra.Command{
		Use: "get KEY", Short: "Read a key of the certified state, verified; also that it is not there", Args: args(1, 1),
		Long: "Read a key. The answer is verified against the pinned genesis before it is printed. A key that is not\n" +
			"there is exit code 3; --proof then writes the proof of that.",
		RunE: func(c *cobra.Command, a []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			v, err := n.value(c.Context(), namespace, []byte(a[0]))
			if err != nil {
				return err
			}
			if proof != "" {
				if err := writeProof(proof, v.Proof(), n.genesis); err != nil {
					return err
				}
			}
			view := map[string]any{"namespace": namespace, "key": a[0], "present": v.Present, "height": v.Checkpoint.Height}
			if !v.Present {
				if t.json() {
					if err := t.data(view, nil); err != nil {
						return err
					}
				}
				return notFound(fmt.Sprintf("%s/%s is not there at height %d (verified)", namespace, a[0], v.Checkpoint.Height), "check the key and the namespace")
			}
			view["value"], view["value_text"] = base64.StdEncoding.EncodeToString(v.Value), textOf(v.Value)
			return t.data(view, func(w io.Writer) {
				if text := textOf(v.Value); text != "" || len(v.Value) == 0 {
					fmt.Fprintln(w, text)
				} else {
					fmt.Fprintf(w, "base64:%s\n", base64.StdEncoding.EncodeToString(v.Value))
				}
			})
		},
	}
	c.Flags().StringVar(&namespace, "namespace", "kv", "the machine's namespace")
	c.Flags().StringVar(&proof, "proof", "", "write a proof, which can be checked offline, to this file")
	return c
}
