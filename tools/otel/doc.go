// Package otel has the OpenTelemetry collector's own OTLP receiver take the traces of a real network, and
// looks whether the spans of all its nodes form one trace. It is a module of its own, for tests only: the
// program does not depend on the collector.
package otel
