//go:build !race

package main

// tourRate is the load under which the tour changes algorithms, in transactions a second.
const tourRate = "600"
