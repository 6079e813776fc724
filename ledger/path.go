package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"quoin.dev/quoin/store"
)

// ErrPath refuses a path that is not of the tlog-tiles layout.
var ErrPath = errors.New("ledger: no such path")

// Content types of what ReadPath returns.
const (
	ContentTypeNote  = "text/plain; charset=utf-8"
	ContentTypeTiles = "application/octet-stream"
)

// Tile is a path of the C2SP tlog-tiles layout: a tile of hashes, or a bundle of entries.
type Tile struct {
	Level   uint8 // of hashes, 0 to 5; 0 for entries
	Entries bool
	N       uint64 // number in the level
	Width   uint16 // hashes or entries: 1 to 256
}

// Path returns the tile's path: "tile/<level or entries>/<N in groups of three digits>[.p/<width>]".
func (t Tile) Path() string {
	kind := "entries"
	if !t.Entries {
		kind = strconv.Itoa(int(t.Level))
	}
	n := fmt.Sprintf("%03d", t.N%1000)
	for rest := t.N / 1000; rest > 0; rest /= 1000 {
		n = fmt.Sprintf("x%03d/%s", rest%1000, n)
	}
	path := "tile/" + kind + "/" + n
	if t.Width < tileWidth {
		path += ".p/" + strconv.Itoa(int(t.Width))
	}
	return path
}

// ParseTile reads exactly what Path writes.
func ParseTile(path string) (Tile, error) {
	bad := fmt.Errorf("%w: %.100q, want checkpoint, tile/<level>/<number>[.p/<width>] or tile/entries/<number>[.p/<width>]", ErrPath, path)
	rest, ok := strings.CutPrefix(path, "tile/")
	kind, rest, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || len(path) > 64 {
		return Tile{}, bad
	}
	t := Tile{Width: tileWidth}
	if t.Entries = kind == "entries"; !t.Entries {
		level, err := strconv.ParseUint(kind, 10, 8)
		if err != nil || level >= sizeBits/tileHeight {
			return Tile{}, bad
		}
		t.Level = uint8(level)
	}
	if number, width, ok := strings.Cut(rest, ".p/"); ok {
		w, err := strconv.ParseUint(width, 10, 8)
		if err != nil || w == 0 {
			return Tile{}, bad
		}
		t.Width, rest = uint16(w), number
	}
	n, err := strconv.ParseUint(strings.NewReplacer("x", "", "/", "").Replace(rest), 10, 64)
	if err != nil || n > SizeMax/tileWidth {
		return Tile{}, bad
	}
	if t.N = n; t.Path() != path {
		return Tile{}, bad
	}
	return t, nil
}

// ReadPath returns what the log serves under a path of the tlog-tiles layout, and its content type:
// "checkpoint", the newest certificate as a signed note, or a tile. A path that is none is ErrPath,
// a tile that the log does not fill (yet) is ErrRange or ErrPruned. A partial tile is served at
// every width, even when the full one exists.
func ReadPath(r store.Reader, path string) (body []byte, contentType string, err error) {
	if path == "checkpoint" {
		body, err = readNote(r)
		return body, ContentTypeNote, err
	}
	t, err := ParseTile(path)
	if err != nil {
		return nil, "", err
	}
	body, err = ReadTile(r, t)
	return body, ContentTypeTiles, err
}

func readNote(r store.Reader) ([]byte, error) {
	c, ok, err := ReadCertificate(r)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: nothing is certified yet", ErrRange)
	}
	set, ok, err := ReadValidators(r, c.Checkpoint.Epoch)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: the validators of epoch %d are missing", ErrCorrupt, c.Checkpoint.Epoch)
	}
	return SignedNote(&c, set)
}

// ReadTile returns the bytes of a tile: its hashes, 32 bytes each, or its entries, each after its
// length in two bytes. A full bundle of the largest entries has 15 MiB.
func ReadTile(r store.Reader, t Tile) ([]byte, error) {
	if t.Width == 0 || t.Width > tileWidth || t.Level >= sizeBits/tileHeight || t.N > SizeMax/tileWidth || t.Entries && t.Level > 0 {
		return nil, fmt.Errorf("%w: %+v", ErrPath, t)
	}
	edge, err := readEdgeAt(r, edgeKey)
	if err != nil {
		return nil, err
	}
	from := t.N * tileWidth
	to := from + uint64(t.Width)
	if have := edge.size >> (tileHeight * t.Level); to > have {
		return nil, fmt.Errorf("%w: %s, its level has %d hashes", ErrRange, t.Path(), have)
	}
	if t.Entries {
		var body []byte
		err := Entries(r, from, to, func(_ uint64, entry []byte) bool {
			body = binary.BigEndian.AppendUint16(body, uint16(len(entry)))
			body = append(body, entry...)
			return true
		})
		return body, err
	}
	body := make([]byte, 0, (to-from)*32)
	err = scanHashes(r, t.Level, from, to, func(_ uint64, hash []byte) { body = append(body, hash...) })
	if err != nil || uint64(len(body)) == (to-from)*32 {
		return body, err
	}
	base, err := readEdgeAt(r, baseKey)
	switch {
	case err != nil:
		return nil, err
	case from < base.size>>(tileHeight*t.Level):
		return nil, fmt.Errorf("%w: %s; it begins at entry %d", ErrPruned, t.Path(), base.size)
	}
	return nil, fmt.Errorf("%w: %s has gaps", ErrCorrupt, t.Path())
}
