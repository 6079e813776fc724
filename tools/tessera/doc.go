// Package tessera holds tests alone: it verifies a Quoin log with software that we did not write,
// the client of github.com/transparency-dev/tessera and the note and witness packages of
// github.com/transparency-dev/formats. It is a module of its own, so that their dependencies are not
// the product's.
//
// Most tests serve a log from memory over HTTP. TestLiveLog verifies a running network's; it needs
//
//	QUOIN_LOG_URL   where its log is served: <url>/checkpoint, <url>/tile/...
//	QUOIN_GENESIS   the path of its genesis file, the anchor of trust
//
// and is skipped without them. The network must still be in its first epoch's validator set.
package tessera
