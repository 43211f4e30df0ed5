package control

import "syscall"

// tied ends a process with this one. Linux counts the death of the starting thread as the parent's; Go keeps its threads.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
