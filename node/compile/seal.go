package compile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

const (
	sealFile     = "seal"
	sealBytesMax = 64 << 10
	filesOfOne   = 16 // machine code of one release: one file, in fact
)

// key is what decides the machine code, beside the release.
type key struct {
	Engine    int    `json:"engine"`
	Schedule  int    `json:"schedule"`
	Wazero    string `json:"wazero"`
	Processor string `json:"processor"`
}

func keyHere() key {
	return key{Engine: plugin.EngineVersion, Schedule: plugin.ScheduleVersion, Wazero: wazeroVersion(), Processor: processor()}
}

// wazeroVersion is empty in a program that was built without modules; then wazero's own folder, which
// carries its version, must do.
func wazeroVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/tetratelabs/wazero" {
			for d.Replace != nil {
				d = d.Replace
			}
			return d.Version
		}
	}
	return ""
}

// processor names the kind of processor, with the features that the compiler may use where the
// system tells them.
func processor() string {
	name := runtime.GOOS + "/" + runtime.GOARCH
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return name
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if what, features, ok := strings.Cut(lines.Text(), ":"); ok {
			if what = strings.TrimSpace(what); what == "flags" || what == "Features" {
				sum := sha256.Sum256([]byte(features))
				return name + "/" + hex.EncodeToString(sum[:8])
			}
		}
	}
	return name
}

// seal says what a folder of machine code holds.
type seal struct {
	Release string            `json:"release"`
	Key     key               `json:"key"`
	Refused string            `json:"refused,omitempty"` // why no node can accept the release; there are no files then
	Files   map[string]string `json:"files,omitempty"`   // SHA-256 by path within the folder
}

// writeSeal seals what is in a folder. It need not be synced: what a crash leaves of it does not
// match, and is made anew.
func writeSeal(dir string, digest quoin.Hash, k key, refused string) error {
	s := seal{Release: digest.String(), Key: k, Refused: refused}
	if refused == "" {
		var err error
		if s.Files, err = sums(dir); err != nil {
			return err
		}
	}
	b, err := json.Marshal(&s)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	b = append(b, "\n"+hex.EncodeToString(sum[:])+"\n"...)
	if len(b) > sealBytesMax {
		return fmt.Errorf("a seal of %d bytes, at most %d are allowed", len(b), sealBytesMax)
	}
	temporary := filepath.Join(dir, sealFile+".tmp")
	if err := os.WriteFile(temporary, b, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(dir, sealFile))
}

// readSeal returns a folder's seal if it is of this release and key and if the folder holds what it
// says, bit for bit, and nothing else.
func readSeal(dir string, digest quoin.Hash, k key) (s seal, ok bool) {
	f, err := os.Open(filepath.Join(dir, sealFile))
	if err != nil {
		return s, false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, sealBytesMax+1))
	if err != nil || len(b) > sealBytesMax {
		return s, false
	}
	text, tail, _ := bytes.Cut(b, []byte("\n"))
	sum := sha256.Sum256(text)
	if string(tail) != hex.EncodeToString(sum[:])+"\n" || json.Unmarshal(text, &s) != nil {
		return s, false
	}
	if s.Release != digest.String() || s.Key != k {
		return s, false
	}
	files, err := sums(dir)
	return s, err == nil && maps.Equal(files, s.Files)
}

// sums returns the SHA-256 of every file in a folder but the seal.
func sums(dir string) (map[string]string, error) {
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == sealFile {
			return err
		}
		if len(list) == filesOfOne || !e.Type().IsRegular() {
			return fmt.Errorf("compile: %s does not belong here", path)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, io.LimitReader(f, filesMax+1)); err != nil {
			return err
		}
		list[filepath.ToSlash(name)] = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	return list, err
}
