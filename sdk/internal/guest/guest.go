// Package guest is the module's side of the sandbox: the host functions of quoin.v1, the buffers
// behind them, and the state as hook.Access. Nearly all of it is compiled for GOOS=wasip1 alone.
//
// A call owns all buffers. Functions that give bytes take a pointer and a capacity, and
// return the length that was needed: a too short buffer is replaced and the function called
// again, which costs one host call more. Buffers begin with what nearly every call needs, made
// before the module's memory is recorded, so that usual calls allocate nothing.
package guest
