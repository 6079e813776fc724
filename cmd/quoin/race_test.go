//go:build race

package main

// tourRate is the load under which the tour changes algorithms, in transactions a second. The race
// detector makes signatures and compilation many times slower.
const tourRate = "40"
