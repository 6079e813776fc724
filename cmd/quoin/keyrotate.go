package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/signature"
)

func newKeyRotate(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "rotate NEWFILE", Short: "Let a new key take over all rights of yours, at once", Args: args(1, 1),
		Long: "Let the key in NEWFILE, which `quoin key new` made, take over from the one that signs. The old key has no\n" +
			"rights from the next block on, and never again. If the old key is a role of the context, the context takes the\n" +
			"new file."}
	addTxFlags(c, &f, roleApprover)
	c.RunE = func(c *cobra.Command, a []string) error {
		next, err := readKey(a[0])
		if err != nil {
			return err
		}
		old, err := f.key()
		if err != nil {
			return err
		}
		g, err := trustAnchor("")
		if err != nil {
			return err
		}
		taken := governance.RotationBytes(g.Origin().ID(), publicOf(old), publicOf(next))
		rotate := governance.Rotate{New: publicOf(next), Signature: signature.Sign(next, taken)}
		r, err := t.sendOne(c.Context(), &f, quoin.KernelNamespace, governance.Encode(rotate))
		if err != nil {
			return err
		}
		roles, err := replaceKey(publicOf(old), a[0])
		if err != nil {
			return err
		}
		v := map[string]any{"old": publicOf(old).String(), "new": publicOf(next).String(), "roles": orEmpty(roles), "transaction": r.view()}
		return t.data(v, func(w io.Writer) {
			fmt.Fprintf(w, "%s takes over from %s (height %d, entry %d)\n", publicOf(next), publicOf(old), r.height, r.entry)
			for _, role := range roles {
				fmt.Fprintf(w, "the context signs as %s with %s now\n", role, a[0])
			}
		})
	}
	return c
}

// replaceKey makes the context sign with another file where it signed with the key, and returns for which
// roles.
func replaceKey(old quoin.PublicKey, file string) ([]string, error) {
	s, err := loadContext()
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, failure("the key's path cannot be made absolute", err, "")
	}
	var roles []string
	for role, have := range s.Keys {
		if key, err := readKey(have); err == nil && publicOf(key) == old {
			s.Keys[role] = path
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		return nil, nil
	}
	g, err := trustAnchor("")
	if err != nil {
		return nil, err
	}
	return roles, saveContext(s, g)
}

func newKeyRevoke(t *terminal) *cobra.Command {
	var f txFlags
	var note string
	c := &cobra.Command{Use: "revoke KEY", Short: "Take a member's rights from a key: a public key, a key file, or a member's name", Args: args(1, 1),
		Long: "Take all rights from the member that holds a key. For one's own key that is enough; for another's two members\n" +
			"that are approvers or responders must ask. It only takes rights: a new key comes with a proposal of members."}
	addTxFlags(c, &f, roleApprover)
	c.Flags().StringVar(&note, "note", "", "why: one line")
	c.RunE = func(c *cobra.Command, a []string) error {
		if _, err := noteText(note); err != nil {
			return err
		}
		key, err := t.memberKey(c, a[0])
		if err != nil {
			return err
		}
		r, err := t.sendOne(c.Context(), &f, quoin.KernelNamespace, governance.Encode(governance.Revoke{Key: key, Note: note}))
		if err != nil {
			return err
		}
		n, err := t.connect(c.Context())
		if err != nil {
			return err
		}
		defer n.close()
		revoked := false
		if err := n.Kernel(c.Context(), func(s governance.State) { revoked = governance.Revoked(s, key) }); err != nil {
			return netFault(err)
		}
		v := map[string]any{"key": key.String(), "revoked": revoked, "transaction": r.view()}
		return t.data(v, func(w io.Writer) {
			if !revoked {
				fmt.Fprintf(w, "your voice for revoking %s is counted; another approver or responder must ask as well (height %d, entry %d)\n", key, r.height, r.entry)
				return
			}
			fmt.Fprintf(w, "%s has no rights any more (height %d, entry %d)\n", key, r.height, r.entry)
		})
	}
	return c
}

// memberKey reads a public key, a key file, or the name of a member of the newest configuration.
func (t *terminal) memberKey(c *cobra.Command, text string) (quoin.PublicKey, error) {
	if quoin.IsName(text, quoin.NamespaceMax) {
		now, err := t.configurationOnce(c)
		if err != nil {
			return quoin.PublicKey{}, err
		}
		for _, m := range now.Members {
			if m.Name == text {
				return m.Key, nil
			}
		}
		if _, err := os.Stat(text); errors.Is(err, fs.ErrNotExist) {
			return quoin.PublicKey{}, notFound("there is no member "+quote(text)+", and no file", "name a member as `quoin policy show` does, or a public key, or a key file")
		}
	}
	keys, err := publicKeys([]string{text})
	if err != nil {
		return quoin.PublicKey{}, err
	}
	return keys[0], nil
}
