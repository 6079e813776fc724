package guest

import "quoin.dev/quoin/hook"

// after turns a key into the least key behind it, or nil behind the last possible key. It
// is the key with a zero appended, where that is short enough.
func after(key []byte) []byte {
	if len(key) < hook.KeyMax {
		return append(key, 0)
	}
	for len(key) > 0 {
		if last := len(key) - 1; key[last] < 0xff {
			key[last]++
			return key
		}
		key = key[:len(key)-1]
	}
	return nil
}
