// The module of the allow-list: see package allowlist.
package main

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugins/allowlist-validation/allowlist"
	"quoin.dev/quoin/sdk/validation"
)

func main() {}

func init() { validation.Serve(hook.ValidationFunc(allowlist.Validate)) }
