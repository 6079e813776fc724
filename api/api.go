// Package api is the public API of a node: its definition (quoin/v1, protobuf) and its server.
package api
