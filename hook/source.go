//go:build !wasip1

package hook

import (
	"embed"
	"io/fs"
)

//go:embed *.go
var source embed.FS

// Source returns this package's files, so that tools can put them beside a new plugin, which
// then compiles without a network and without a checkout. A guest does not carry them.
func Source() fs.FS { return source }
