package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/plugin"
)

// version is set by the release build with -ldflags='-X main.version=v1.2.3'.
var version = ""

func newVersion(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the versions of the program and of what it offers plugins", Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version  string `json:"version"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
				Node     int    `json:"node_version"`
				Engine   int    `json:"engine_version"`
				Schedule int    `json:"schedule_version"`
			}{programVersion(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, plugin.NodeVersion, plugin.EngineVersion, plugin.ScheduleVersion}
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "quoin %s %s %s\n", v.Version, v.Go, v.Platform)
				fmt.Fprintf(w, "plugins: node %d, engine %d, fuel schedule %d\n", v.Node, v.Engine, v.Schedule)
			})
		},
	}
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
