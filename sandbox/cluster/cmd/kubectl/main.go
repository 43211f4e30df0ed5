// Command kubectl is kubectl 1.37, built beside the control plane so that the sandbox needs no kubectl of the machine.
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	// The same two lines as kubectl's own main: a command's error is printed and turned into an exit code by CheckErr.
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
