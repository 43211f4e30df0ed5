//go:build !linux

package parent

import "os/exec"

// dieWithParent does nothing here: only Linux has a parent-death signal. The pipe does the work alone.
func dieWithParent(*exec.Cmd) {}
