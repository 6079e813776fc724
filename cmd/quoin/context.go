package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
)

// settings is the context: which network commands talk to, what they trust, and whose keys they
// sign with. It lies in $QUOIN_CONFIG_DIR, by default the folder quoin of the user's
// configuration folder, as context.json; the pinned genesis lies beside it as genesis.json, so
// that proofs can be verified when the network and its folders are gone.
type settings struct {
	API   string            `json:"api"`
	Nodes []apiNode         `json:"nodes"` // whose keys are known; asked one after the other if API is the first's
	Keys  map[string]string `json:"keys"`  // role (account, author, proposer, approver-1, ...) → key file
}

// apiNode is where a node's API is, and the key of its certificate.
type apiNode struct {
	API string `json:"api"`
	Key string `json:"key"`
}

const (
	contextFile     = "context.json"
	anchorFile      = "genesis.json"
	contextBytesMax = 1 << 20

	roleAccount  = "account"
	roleAuthor   = "author"
	roleProposer = "proposer"
	roleApprover = "approver-1"
)

func configDir() (string, error) {
	if dir := os.Getenv("QUOIN_CONFIG_DIR"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", failure("there is no place for the context", err, "set QUOIN_CONFIG_DIR")
	}
	return filepath.Join(dir, "quoin"), nil
}

// saveContext pins a network: its genesis first, so that no context is ever without its anchor.
func saveContext(s *settings, g *quoin.Genesis) error {
	dir, err := configDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failure("the context cannot be written", err, "set QUOIN_CONFIG_DIR to a folder that can be")
	}
	if err := writeGenesis(filepath.Join(dir, anchorFile), g); err != nil {
		return failure("the context cannot be written", err, "set QUOIN_CONFIG_DIR to a folder that can be")
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, contextFile), append(b, '\n'), 0o600); err != nil {
		return failure("the context cannot be written", err, "set QUOIN_CONFIG_DIR to a folder that can be")
	}
	return nil
}

func loadContext() (*settings, error) {
	dir, err := configDir()
	if err != nil {
		return nil, err
	}
	b, err := readFile(filepath.Join(dir, contextFile), contextBytesMax)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &fault{exit: exitUsage, code: "no-context", what: "no network is known here",
				why: "there is no context in " + dir, todo: "start one with `quoin dev`, or name one with `quoin context use --api URL --genesis FILE`"}
		}
		return nil, err
	}
	s := &settings{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, &fault{exit: exitUsage, code: "bad-context", what: "the context in " + dir + " cannot be read", cause: err, todo: "write it anew with `quoin context use`"}
	}
	return s, nil
}

// trustAnchor returns the genesis in path, or the pinned one if path is empty.
func trustAnchor(path string) (*quoin.Genesis, error) {
	if path != "" {
		return readGenesis(path)
	}
	dir, err := configDir()
	if err != nil {
		return nil, err
	}
	g, err := readGenesis(filepath.Join(dir, anchorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fault{exit: exitUsage, code: "no-anchor", what: "there is nothing to trust", why: "no genesis is pinned in " + dir,
			todo: "name the network's genesis file with --trust, or pin it with `quoin context use`"}
	}
	return g, err
}

// signingKey returns the key of a file, or of a role that the context knows.
func signingKey(file, role string) (ed25519.PrivateKey, error) {
	if file != "" {
		return readKey(file)
	}
	s, err := loadContext()
	if err != nil {
		return nil, err
	}
	path, ok := s.Keys[role]
	if !ok {
		return nil, &fault{exit: exitUsage, code: "no-key", what: "the context has no key for the role " + quote(role),
			why: "it has " + strings.Join(slices.Sorted(maps.Keys(s.Keys)), ", "), todo: "name a key file with --key, or a role with --as"}
	}
	return readKey(path)
}

// roleFlags adds --key and --as to a command that signs.
func roleFlags(c *cobra.Command, role string) func() (ed25519.PrivateKey, error) {
	file := c.Flags().String("key", "", "sign with the key in this file")
	as := c.Flags().String("as", role, "sign with the context's key of this role")
	return func() (ed25519.PrivateKey, error) { return signingKey(*file, *as) }
}

func newContext(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "context", Short: "Choose the network that commands talk to and trust"},
		newContextShow(t), newContextUse(t))
}

func newContextShow(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Print the context", Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			s, err := loadContext()
			if err != nil {
				return err
			}
			g, err := trustAnchor("")
			if err != nil {
				return err
			}
			dir, err := configDir()
			if err != nil {
				return err
			}
			v := map[string]any{"api": s.API, "origin": g.Origin(), "genesis": filepath.Join(dir, anchorFile), "keys": s.Keys}
			return t.data(v, func(w io.Writer) {
				table(w, func(row func(...any)) {
					row("api", s.API)
					row("trusts", g.Origin())
					row("genesis", filepath.Join(dir, anchorFile))
					for _, role := range slices.Sorted(maps.Keys(s.Keys)) {
						row("key "+role, s.Keys[role])
					}
				})
			})
		},
	}
}

func newContextUse(t *terminal) *cobra.Command {
	var genesis string
	var keys []string
	c := &cobra.Command{
		Use: "use --api URL --genesis FILE [--key ROLE=FILE]...", Short: "Pin a network's genesis and address", Args: args(0, 0),
		Long: "Pin a network. The genesis file is the trust anchor: get it by a road that you trust, never from\n" +
			"the node that it is to check.",
		RunE: func(*cobra.Command, []string) error {
			if t.api == "" || genesis == "" {
				return usage("--api and --genesis are needed", "use: quoin context use --api URL --genesis FILE")
			}
			g, err := readGenesis(genesis)
			if err != nil {
				return err
			}
			s := &settings{API: t.api, Keys: map[string]string{}}
			for _, k := range keys {
				role, path, ok := strings.Cut(k, "=")
				if !ok || !quoin.IsName(role, quoin.NamespaceMax) {
					return usage("--key "+quote(k)+" is not ROLE=FILE", "for example --key account=me.key")
				}
				if _, err := readKey(path); err != nil {
					return err
				}
				if s.Keys[role], err = filepath.Abs(path); err != nil {
					return failure("the key's path cannot be made absolute", err, "")
				}
			}
			if err := saveContext(s, g); err != nil {
				return err
			}
			return t.data(map[string]any{"api": s.API, "origin": g.Origin()}, func(w io.Writer) {
				fmt.Fprintf(w, "using %s, trusting %s\n", s.API, g.Origin())
			})
		},
	}
	c.Flags().StringVar(&genesis, "genesis", "", "the genesis file to trust")
	c.Flags().StringArrayVar(&keys, "key", nil, "a key to sign with, as ROLE=FILE; may be repeated")
	return c
}

func readGenesis(path string) (*quoin.Genesis, error) {
	b, err := readFile(path, quoin.GenesisBytesMax)
	if err != nil {
		return nil, err
	}
	g := &quoin.Genesis{}
	if err := json.Unmarshal(b, g); err != nil {
		return nil, &fault{exit: exitUsage, code: "bad-genesis", what: path + " is no genesis file", cause: err, todo: "name the file that `quoin genesis`, `quoin testnet` or `quoin dev` wrote"}
	}
	return g, nil
}

func writeGenesis(path string, g *quoin.Genesis) error {
	b, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(b, '\n'), 0o644)
}
