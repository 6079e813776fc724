// Package sandbox measures the sandbox: nanoseconds per fuel of every instruction and host
// function (MeasureFuel), and what the instrumentation costs CPU-bound guests (MeasureOverhead).
//
// Both compare the fastest of many short rounds in which all sides take turns: an interruption
// makes a round slower, never faster. They are true of a machine that is otherwise idle;
// what waits for memory takes many times as long beside a busy neighbour.
package sandbox
