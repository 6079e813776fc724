package client

import (
	"fmt"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/plugin"
)

// checkFile refuses a release file that does not have the digest.
func checkFile(m *quoinv1.Release, digest quoin.Hash) error {
	if len(m.File) > 0 && plugin.Digest(m.File) != digest {
		return fmt.Errorf("%w: the release file has another digest than %s", ErrProof, digest)
	}
	return nil
}

// toDigest returns the file's own digest, and refuses another.
func toDigest(b, file []byte) (quoin.Hash, error) {
	digest := plugin.Digest(file)
	if string(b) != string(digest[:]) {
		return digest, fmt.Errorf("%w: the node stored another release than %s", ErrProof, digest)
	}
	return digest, nil
}
