package api

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"

	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// ErrorCode is the stable code of an error, in its detail quoin.v1.Error.
type ErrorCode string

// The codes. New ones may be added.
const (
	CodeInvalid      ErrorCode = "invalid-request"    // the request is not well formed
	CodeTooLarge     ErrorCode = "too-large"          // more bytes or items than a request may have
	CodeBusy         ErrorCode = "busy"               // the node has as much to do as it takes
	CodeRate         ErrorCode = "rate-limit"         // this connection asks too often
	CodeNotFound     ErrorCode = "not-found"          // nothing here has this name, number or id
	CodePruned       ErrorCode = "pruned"             // this node's log begins later
	CodeNotYet       ErrorCode = "not-yet"            // nothing that could answer is certified yet
	CodeTimeout      ErrorCode = "timeout"            // the request's time is over
	CodeNoMachine    ErrorCode = "no-machine"         // no machine serves the namespace
	CodeUnauthorized ErrorCode = "not-administrator"  // the call needs an administrator's signature
	CodeRefused      ErrorCode = "release-refused"    // no node can accept the release
	CodeNoFaults     ErrorCode = "faults-not-allowed" // the chain's genesis does not allow that faults are injected
	CodeSlowConsumer ErrorCode = "slow-consumer"      // the stream was not read fast enough
	CodeStopped      ErrorCode = "stopped"            // the node stops
	CodeInternal     ErrorCode = "internal"           // the node's fault
)

// status maps codes to those of Connect.
var status = map[ErrorCode]connect.Code{
	CodeInvalid: connect.CodeInvalidArgument, CodeTooLarge: connect.CodeResourceExhausted, CodeBusy: connect.CodeResourceExhausted,
	CodeRate: connect.CodeResourceExhausted, CodeNotFound: connect.CodeNotFound, CodePruned: connect.CodeOutOfRange,
	CodeNotYet: connect.CodeUnavailable, CodeTimeout: connect.CodeDeadlineExceeded, CodeNoMachine: connect.CodeFailedPrecondition,
	CodeUnauthorized: connect.CodePermissionDenied, CodeRefused: connect.CodeInvalidArgument, CodeSlowConsumer: connect.CodeAborted,
	CodeNoFaults: connect.CodePermissionDenied, CodeStopped: connect.CodeUnavailable, CodeInternal: connect.CodeInternal,
}

// refuse makes an error: what happened and why, and what to do.
func refuse(code ErrorCode, hint, format string, args ...any) *connect.Error {
	message := fmt.Sprintf(format, args...)
	e := connect.NewError(status[code], errors.New(message))
	if d, err := connect.NewErrorDetail(&quoinv1.Error{Code: string(code), Message: message, Hint: hint}); err == nil {
		e.AddDetail(d)
	}
	return e
}

// translate gives an error of the node's rooms its code.
func translate(err error) error {
	var already *connect.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &already):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return refuse(CodeTimeout, "ask again with more time; a transaction that was submitted stays submitted", "the request's time was over before there was an answer")
	case errors.Is(err, node.ErrBusy):
		return refuse(CodeBusy, "try again in a moment", "%v", err)
	case errors.Is(err, node.ErrClosed):
		return refuse(CodeStopped, "ask another node", "the node stops")
	case errors.Is(err, execution.ErrNoMachine):
		return refuse(CodeNoMachine, "see ListBindings for the namespaces that have a machine", "%v", err)
	case errors.Is(err, ledger.ErrPruned):
		return refuse(CodePruned, "ask a node that keeps the whole log", "%v", err)
	case errors.Is(err, ledger.ErrRange), errors.Is(err, replica.ErrNoBlock):
		return refuse(CodeNotFound, "see GetCheckpoint for how far the chain is", "%v", err)
	}
	return refuse(CodeInternal, "look into the node's log", "%v", err)
}
