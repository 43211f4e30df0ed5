package parent

import (
	"os/exec"
	"syscall"
)

// dieWithParent asks the kernel to kill the process with its parent, in case it hangs and never reads the pipe. Each
// child gets a process group of its own, so that Ctrl-C in a terminal reaches only the supervisor.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
